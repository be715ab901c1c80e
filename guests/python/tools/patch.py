"""Applies patches in the unified format, exactly: every line of context must be
where the patch says. (The program "patch" is not on every machine.)

Run by the step "patch" with the build Python: patch.py FOLDER PATCH...
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
        old = path.read_text().splitlines(keepends=True)
        new, done = [], 0
        while at < len(lines) and (hunk := HUNK.match(lines[at])):
            start = int(hunk[1]) - 1
            left, right = (int(hunk[i] or 1) for i in (2, 3))
            new += old[done:start]
            done = start
            at += 1
            while left or right:
                mark, line = lines[at][0], lines[at][1:]
                at += 1
                if mark in " -":
                    if old[done : done + 1] != [line]:
                        sys.exit(f"{name}: {path}:{done + 1} is not {line!r}")
                    done += 1
                    left -= 1
                if mark in " +":
                    new.append(line)
                    right -= 1
        path.write_text("".join(new + old[done:]))


def main():
    folder = pathlib.Path(sys.argv[1])
    for name in sys.argv[2:]:
        apply(folder, pathlib.Path(name).read_text(), name)


if __name__ == "__main__":
    main()
