"""Applies patches in the unified format. Every line of context must be there, as
it is written, but a hunk may stand at another line than its patch says: the
next version of CPython has the same lines a little further down. Where the
lines stand more than once, and not where the patch says, nothing is guessed.

(The program "patch" is not on every machine, and is content with less.)

Run by the step "patched source" with the build Python: patch.py FOLDER PATCH...
"""

import pathlib
import re
import sys

HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,(\d+))? @@")


def apply(folder, text, name):
    lines = text.splitlines(keepends=True)
    at = 0
    while at < len(lines):
        if not lines[at].startswith("--- "):
            at += 1
            continue
        # "+++ b/Python/frame.c": the first folder is not ours.
        path = folder / lines[at + 1].split()[1].split("/", 1)[1]
        at += 2
        source = path.read_text().splitlines(keepends=True)
        new, done = [], 0
        while at < len(lines) and (hunk := HUNK.match(lines[at])):
            left, right = (int(hunk[i] or 1) for i in (2, 3))
            at += 1
            before, after = [], []
            while len(before) < left or len(after) < right:
                mark, line = lines[at][0], lines[at][1:]
                at += 1
                if mark in " -":
                    before.append(line)
                if mark in " +":
                    after.append(line)
            start = place(source, before, int(hunk[1]) - 1, done)
            if start is None:
                sys.exit(f"{name}: the lines of {hunk[0]} are not in {path}, or more than once")
            new += source[done:start] + after
            done = start + left
        path.write_text("".join(new + source[done:]))


def place(source, lines, expected, done):
    """Where `lines` stand in `source`, at or after `done`."""
    fits = lambda at: source[at : at + len(lines)] == lines
    if expected >= done and fits(expected):
        return expected
    found = [at for at in range(done, len(source)) if fits(at)]
    return found[0] if len(found) == 1 else None


def main():
    folder = pathlib.Path(sys.argv[1])
    for name in sys.argv[2:]:
        apply(folder, pathlib.Path(name).read_text(), name)


if __name__ == "__main__":
    main()
