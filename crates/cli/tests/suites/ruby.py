#!/usr/bin/env python3
"""Runs Ruby's WebAssembly module, as npm has it, in cells.

    cargo xtask interpreters ruby

The module is a library for JavaScript: it exports functions and has no _start. One
of them is called as it is, by --entry; then binaryen's wasm-merge gives it a _start
(ruby.wat), and scripts run. It wants npm and node, takes a minute, and downloads
54 MB once.
"""

import argparse
import hashlib
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PACKAGES = {
    "@ruby/3.4-wasm-wasi@2.10.1": "2e709bd9eddefe1c5d63e9fc0391a35cce4754e936d8a2f24b8582f6d5c2ea88",
    "binaryen@132.0.0": "6543555fb29bb92548f325c7dc18e9ab7dbb1215edda25993d1e3f71d85b8618",
}
FEATURES = ["bulk-memory", "bulk-memory-opt", "sign-ext", "mutable-globals", "nontrapping-float-to-int",
            "multivalue", "reference-types"]
SCRIPT = r"""
require "json"
require "time"
puts ARGV.inspect, JSON.generate({"a" => [1, 2.5, nil], "b" => "ü"}), JSON.parse('{"x": [true]}')["x"].inspect
puts Time.now.year > 2020, Time.at(0).utc.iso8601
begin
  raise ArgumentError, "bad"
rescue => error
  puts error.message
end
File.write("/work/made.txt", "by ruby\n")
puts File.read("/work/made.txt"), Dir.children("/work").include?("made.txt"), File.exist?("/etc/hostname-of-the-host")
puts (1..10).lazy.map { |x| x * x }.select(&:even?).first(2).sum, 2**100, "abc"[/b./], [3, 1, 2].sort.inspect
puts catch(:done) { 10.times { |i| throw :done, i if i == 4 } }, Fiber.new { Fiber.yield 5 }.resume
puts $stdin.read
exit 3
"""
EXPECTED = """["a", "b c"]
{"a":[1,2.5,null],"b":"ü"}
[true]
true
1970-01-01T00:00:00Z
bad
by ruby
true
false
20
1267650600228229401496703205376
bc
[1, 2, 3]
4
5
from stdin
"""


def fetch(package, digest, cache):
    """The package's archive, which npm has downloaded once."""
    archive = cache / "downloads" / f"{digest}-{package.rsplit('@', 1)[0].strip('@').replace('/', '-')}.tgz"
    if not archive.exists():
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True, stdout=subprocess.DEVNULL)
            [file] = pathlib.Path(folder).iterdir()
            found = hashlib.sha256(file.read_bytes()).hexdigest()
            if found != digest:
                raise SystemExit(f"ruby: {package} has the digest {found}, not the pinned one")
            archive.parent.mkdir(parents=True, exist_ok=True)
            archive.write_bytes(file.read_bytes())
    return archive


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bellglass", required=True, type=pathlib.Path, help="the built command")
    bellglass = parser.parse_args().bellglass.resolve()
    home = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    cache = pathlib.Path(os.environ.get("BELLGLASS_CACHE") or home / "bellglass")
    failed = []

    def check(what, so, finished):
        print(f"ruby: {what}: {'passed' if so else 'FAILED'}", flush=True)
        if not so:
            failed.append(what)
            print(finished.returncode, finished.stdout, finished.stderr)

    with tempfile.TemporaryDirectory(prefix="bellglass-ruby-") as name:
        folder = pathlib.Path(name)
        for package, digest in PACKAGES.items():
            with tarfile.open(fetch(package, digest, cache)) as files:
                files.extractall(folder / digest[:8], filter="data")
        ruby, binaryen = (folder / digest[:8] / "package" for digest in PACKAGES.values())

        def run(options, module, *words):
            line = [bellglass, "run", "--timeout", "120s", *options, "--wasm", module, *words]
            return subprocess.run(line, capture_output=True, text=True, input="from stdin", timeout=300)

        version = run(["--entry", "ruby-show-version: func() -> ()"], ruby / "dist/ruby.wasm")
        check("an export by its name", version.stdout.startswith("ruby 3.4.1 ") and version.returncode == 0, version)
        refused = run([], ruby / "dist/ruby.wasm")
        check("what it is not", "it has no _start" in refused.stderr and refused.returncode == 125, refused)

        command = folder / "ruby-command.wasm"
        merge = ["node", binaryen / "bin/wasm-merge", ruby / "dist/ruby+stdlib.wasm", "ruby", HERE / "ruby.wat", "main",
                 "-o", command, "--rename-export-conflicts", *(f"--enable-{one}" for one in FEATURES)]
        subprocess.run(merge, check=True)
        work = folder / "work"
        work.mkdir()
        (work / "script.rb").write_text(SCRIPT)
        (work / "raise.rb").write_text('def deep = raise(KeyError, "oops")\nputs "before"\ndeep\n')
        seen = ["--dir", f"{work}:/work:rw"]
        script = run(seen, command, "/work/script.rb", "a", "b c")
        check("a script", script.stdout == EXPECTED and script.returncode == 3, script)
        check("a file in a mount", (work / "made.txt").read_text() == "by ruby\n", script)
        raised = run(seen, command, "/work/raise.rb")
        check("an exception", raised.returncode == 1 and raised.stdout == "before\n"
              and "/work/raise.rb:1:in 'Object#deep': oops (KeyError)" in raised.stderr, raised)
        unseen = run([], command, "/work/script.rb")
        check("nothing is shown by default", unseen.returncode == 1 and "cannot load such file" in unseen.stderr, unseen)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
