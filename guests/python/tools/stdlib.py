"""Makes the guest's file tree: the standard library with compiled code, stubs
for the modules that are not there, and the time zones.

Run by the step "files" with the build Python, so that the compiled code is of
the right version: stdlib.py CPYTHON-SOURCE CROSS-BUILD TZDATA RECIPE-FOLDER OUT
"""

import compileall
import os
import pathlib
import py_compile
import shutil
import sys
import tomllib

# Not in the guest: the tests (installed separately, they are as large as all
# the rest), programs with windows, and what only makes CPython itself.
LEFT_OUT = {
    "test", "idlelib", "turtledemo", "__pycache__", "_bundled",
}


def ignore(folder, names):
    return [name for name in names if name in LEFT_OUT or name.endswith((".pyc", ".exe", ".ico"))]


def main():
    source, cross, tzdata, recipe, out = map(pathlib.Path, sys.argv[1:])
    version = "python%d.%d" % sys.version_info[:2]
    files = out / "files"
    if files.exists():
        shutil.rmtree(files)
    library = files / "usr/local/lib" / version
    library.parent.mkdir(parents=True)

    shutil.copytree(source / "Lib", library, ignore=ignore)
    folder = cross / (cross / "pybuilddir.txt").read_text().strip()
    for made in [*folder.glob("_sysconfig*"), *folder.glob("build-details.json")]:
        # It tells how CPython was built, and with that where.
        text = made.read_text().replace(str(cross.parent.parent), "/usr/src")
        (library / made.name).write_text(text.replace(os.environ["BELLGLASS_TOOLCHAIN"], "/usr/src/toolchain"))
    include = files / "usr/local/include" / version
    include.mkdir(parents=True)
    shutil.copy(cross / "pyconfig.h", include)

    # The folder for modules in machine code: it must exist, or the start of
    # the interpreter warns. The stubs stand there, for the modules that they
    # stand for would. ModuleNotFoundError is what a missing module raises
    # elsewhere, and programs ask for exactly that.
    stubs = library / "lib-dynload"
    stubs.mkdir()
    missing = tomllib.loads((recipe / "missing-modules.toml").read_text())["modules"]
    for name, reason in sorted(missing.items()):
        message = f"No module named {name!r}: {reason}"
        (stubs / f"{name}.py").write_text(
            f"raise ModuleNotFoundError({message!r}, name={name!r})\n")

    zones = files / "usr/share/zoneinfo"
    shutil.copytree(tzdata / "tzdata/zoneinfo", zones, ignore=shutil.ignore_patterns("*.py", "__pycache__"))

    # sys.executable names it; there is nothing to execute. platform.libc_ver() looks for
    # the C library's name in it.
    programs = files / "usr/local/bin"
    programs.mkdir(parents=True)
    (programs / version).write_text("This names the interpreter of the guest itself, which is linked with musl-1.2.5\n")
    os.symlink(version, programs / "python3")
    os.symlink(version, programs / "python")

    # What the entry runs while it makes the snapshot.
    own = files / "usr/local/lib/bellglass"
    own.mkdir()
    shutil.copy(recipe / "snapshot.py", own)

    # Unchecked: the files of an image never change, so nobody needs to compare.
    ok = compileall.compile_dir(
        library, maxlevels=99, quiet=1, force=True, workers=int(os.environ["BELLGLASS_JOBS"]),
        stripdir=str(library), prependdir=f"/usr/local/lib/{version}",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
