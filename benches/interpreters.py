"""Lua and QuickJS: each as an image, beside a native build of the same source.

Both are built by the interpreter's own makefile, at -O2 as it says: the image by
`bellglass cc`, the native one here, by this machine's `cc`, once."""

import os
import pathlib
import shutil
import subprocess
import tarfile
import tomllib

import figures
from contestants import BEFORE, ISOLATIONS, Contestant, said

ROOT = pathlib.Path(__file__).resolve().parent.parent
# How each is called, what its makefile is to make, and where it puts that.
MAKE = {"lua": ("native Lua", "posix", "src/lua"), "quickjs": ("native QuickJS", "qjs", "qjs")}


def recipe(name):
    """The recipe that its image is built by."""
    recipes = [tomllib.loads(file.read_text()) for file in (ROOT / "guests" / name).glob("recipe-*.toml")]
    return next(recipe for recipe in recipes if recipe.get("default"))


def native(name, folder):
    """The native program, which is made in this folder unless it is there."""
    source = recipe(name)["source"][0]
    _, goal, program = MAKE[name]
    place = folder / f"{name}-{source['sha256'][:12]}"
    if not place.is_dir():
        home = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
        cache = pathlib.Path(os.environ.get("BELLGLASS_CACHE") or home / "bellglass")
        archive = cache / "downloads" / f"{source['sha256']}-{source['file']}"
        if not archive.is_file():
            raise RuntimeError(f"{archive} is not there: `bellglass image build {name} --fresh` fetches it")
        unfinished = place.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        with tarfile.open(archive) as files:
            files.extractall(unfinished, filter="data")
        (made,) = unfinished.iterdir()
        make = ["make", "-s", "-C", str(made), "-j", str(os.cpu_count()), goal, "CC=cc"]
        done = subprocess.run(make, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(make)} failed: {done.stderr[-2000:]}")
        made.rename(place)
        unfinished.rmdir()
    return place / program


def contestants(name, options):
    """The native build and the guests, under the keys that they have everywhere."""
    builds = {"bellglass": (options.bellglass, {isolation: isolation for isolation in ISOLATIONS})}
    if options.before:
        builds["before"] = (str(pathlib.Path(options.before).resolve() / "bellglass"), BEFORE)
    # The first of them fetches the source that the native build is made of.
    for bellglass, _ in builds.values():
        subprocess.run([bellglass, "image", "build", name], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    program = native(name, pathlib.Path(options.bellglass).resolve().parent.parent / "benches")
    compiler = (said(["cc", "--version"]) or "cc").split("\n")[0]
    version = f"{recipe(name)['version']}, made by {compiler}"
    there = {"native": Contestant("native", MAKE[name][0], version, lambda words: [str(program), *words])}
    for title, (bellglass, keys) in builds.items():
        for isolation, key in keys.items():
            run = [bellglass, "run", "--image", name, "--isolation", isolation]
            there[key] = Contestant(key, f"{title}, {isolation}", "", lambda words, run=run: run + words)
    return there


def measure(name, there, rounds):
    """The figures of its programs, one after the other."""
    for program in sorted((figures.PROGRAMS / name).iterdir()):
        first = {}

        def seconds(one, words=(str(program),), first=first):
            done = subprocess.run(one.command(list(words)), check=True, stdout=subprocess.PIPE, text=True)
            *result, spent = done.stdout.splitlines()
            # All must have computed the same.
            if first.setdefault("result", result) != result:
                raise RuntimeError(f"{one.name}, {words[0]}: printed {result} and not {first['result']}")
            return float(spent)

        rows = figures.turns(list(there.values()), seconds, rounds, "native")
        title = f"{figures.GROUPS[name]} program: {program.stem}"
        yield figures.Figure(f"{name}_{program.stem}", title, "ms", rows, native=there["native"].name)
