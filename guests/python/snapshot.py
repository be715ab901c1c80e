"""What a snapshot of the started interpreter needs in Python.

While the image is built, the entry calls prepare(): it imports the modules that
the recipe lists, and hides them again. In each run the entry calls begin(),
which makes the kept interpreter this run's own. When the program then imports a
module that was prepared, it gets it at once, but only where an ordinary import
would have found the very same: a program's own module of that name, a changed
sys.meta_path or the like come first, as ever. What was not imported is in
nobody's sys.modules, and nobody's time is spent to take it down at the end.

Live guests share the pages of the snapshot that they do not write to, so what a
run would write anyway is written here: rehearse().

The entry runs this file under the name of importlib's own bootstrap, so that
its frames are left out of tracebacks as that one's are.
"""

import _frozen_importlib as bootstrap
import _frozen_importlib_external as external
import _io
import _stat
import builtins
import posix
import sys

# The modules of the start itself, and every module that was prepared, in the
# order of their first import. They stay when sys.modules is emptied at the end,
# so that CPython empties each of them, and what a program has put there ends.
started = []
prepared = {}
# Those of them that this run has not yet imported.
hidden = set()
# Those that are an attribute of their package. Others' names stand for something
# else there, such as the function unittest.main.
attributes = set()
# For each, itself and all that importing it imports.
needs = {}
# For each, what the files of a module that hides one of its needs are called.
shadows = {}
# What each has had called at the end of the process, when it was imported.
at_exit = {}
# Where they were found.
library = None
find_and_load = bootstrap._find_and_load_unlocked
meta_path = path_hooks = None
site_folders = None
# Which of the standard streams can be positioned.
positioned = {}

MISSING = object()
STREAMS = ("stdin", "stdout", "stderr")


def prepare(names):
    """Imports the modules and hides them. Gives the function for each run."""
    global library, meta_path, path_hooks, site_folders
    library = sys._stdlib_dir
    positioned.update((name, getattr(sys, name).seekable()) for name in STREAMS)
    own = set(sys.modules)
    started.extend(module for name, module in sys.modules.items() if name != "__main__")
    imported, added = watch_imports(names)
    new = [name for name in sys.modules if name not in own]
    prepared.update((name, sys.modules[name]) for name in new)
    order = {name: number for number, name in enumerate(prepared)}
    for name in prepared:
        needs[name] = tuple(sorted(closure(name, imported, added), key=order.__getitem__))
    for name in prepared:
        shadows[name] = frozenset(
            top + suffix for top in {need.partition(".")[0] for need in needs[name] if is_from_path(need)}
            for suffix in (
                "", *external.EXTENSION_SUFFIXES, *external.SOURCE_SUFFIXES, *external.BYTECODE_SUFFIXES))
    for name in reversed(prepared):
        hide(name)
    meta_path, path_hooks = list(sys.meta_path), list(sys.path_hooks)
    site_folders = list_sites()
    sys.path_importer_cache.clear()
    find_or_restore.__name__ = find_or_restore.__qualname__ = find_and_load.__name__
    bootstrap._find_and_load_unlocked = find_or_restore
    rehearse()
    return begin


def rehearse():
    """Does what a run of `-c` does at first, so often that the interpreter has
    fitted the code to what it meets, which changes the code's memory."""
    before = set(hidden)
    code = compile("pass", "<string>", "exec")
    sys.path.insert(0, "/")
    for _ in range(20):
        begin()
        import linecache
        linecache._register_code(code, "pass", "<string>")
        linecache._interactive_cache.clear()
        for name in reversed(prepared):
            if name in before - hidden:
                hide(name)
    del sys.path[0]
    sys.path_importer_cache.clear()


def watch_imports(names):
    """Imports the modules. Gives which modules each has imported, itself or by
    what it called, while it was loaded; and which were added meanwhile."""
    imported, added, loading = {}, {}, []
    original = builtins.__import__

    def import_(name, globals=None, locals=None, fromlist=(), level=0):
        module = original(name, globals, locals, fromlist, level)
        if loading:
            if level:
                name = bootstrap._resolve_name(name, bootstrap._calc___package__(globals), level)
            found = imported.setdefault(loading[-1], set())
            found.add(name)
            found.update(f"{name}.{item}" for item in fromlist or () if f"{name}.{item}" in sys.modules)
        return module

    def load(name, import_):
        before = set(sys.modules)
        loading.append(name)
        try:
            module = find_and_load(name, import_)
        finally:
            loading.pop()
        added[name] = set(sys.modules) - before
        return module

    import atexit
    register = atexit.register

    def note(function, /, *args, **kwargs):
        at_exit.setdefault(loading[-1], []).append((function, args, kwargs))
        return function

    builtins.__import__ = import_
    bootstrap._find_and_load_unlocked = load
    atexit.register = note
    try:
        for name in names:
            __import__(name)
    finally:
        builtins.__import__ = original
        bootstrap._find_and_load_unlocked = find_and_load
        atexit.register = register
    return imported, added


def closure(name, imported, added):
    """The prepared modules that are there once this one is imported."""
    found, waiting = set(), [name]
    while waiting:
        one = waiting.pop()
        if one in found or one not in prepared:
            continue
        found.add(one)
        waiting.append(one.rpartition(".")[0])
        for others in imported.get(one, ()), added.get(one, ()):
            for other in others:
                waiting.append(other)
                waiting.append(other.rpartition(".")[0])
    return found


def is_from_path(name):
    """Whether an import looks for this module in the folders of sys.path."""
    spec = prepared[name].__spec__
    return spec is None or spec.origin not in ("built-in", "frozen")


def hide(name):
    module = sys.modules.pop(name)
    parent, _, child = name.rpartition(".")
    if parent:
        parent = prepared.get(parent) or sys.modules[parent]
        if parent.__dict__.get(child) is module:
            delattr(parent, child)
            attributes.add(name)
    hidden.add(name)


def find_or_restore(name, import_):
    """Stands in for importlib's function of loading what is not there yet."""
    if name in hidden and restore(name):
        return sys.modules[name]
    return find_and_load(name, import_)


def restore(name):
    """Brings a hidden module out with all that it needs, if an import would have
    found the very same."""
    modules = sys.modules
    for need in needs[name]:
        expected = MISSING if need in hidden else prepared[need]
        if modules.get(need, MISSING) is not expected:
            return False
    if not same(sys.meta_path, meta_path) or not same(sys.path_hooks, path_hooks):
        return False
    if is_shadowed(name):
        return False
    wanted = [need for need in needs[name] if need in hidden]
    hidden.difference_update(wanted)
    # A package comes after its modules in this order, as it does in an import.
    modules.update((need, prepared[need]) for need in wanted)
    for need in wanted:
        if need in attributes:
            parent, _, child = need.rpartition(".")
            setattr(modules[parent], child, prepared[need])
        if need in RENEW:
            RENEW[need](prepared[need])
        for function, args, kwargs in at_exit.get(need, ()):
            prepared["atexit"].register(function, *args, **kwargs)
    return True


def same(these, those):
    return len(these) == len(those) and all(map(lambda one, other: one is other, these, those))


def is_shadowed(name):
    """Whether a folder that is searched before the library has a module of the
    name of one that is needed."""
    names = shadows[name]
    if not names:
        return False
    for entry in sys.path:
        if entry == library:
            return False
        if not isinstance(entry, str):
            continue
        if entry not in sys.path_importer_cache and lacks(entry, names):
            continue
        finder = external.PathFinder._path_importer_cache(entry)
        if finder is None:
            continue
        if type(finder) is not external.FileFinder:
            return True
        # This makes it read its folder, if that has changed.
        finder.find_spec(name)
        if not names.isdisjoint(finder._path_cache):
            return True
    return True


def lacks(entry, names):
    """Whether a folder that no import has looked at has none of these names. That
    is mostly so, and known at less cost than by all that an import makes of a
    folder; if it is not sure, the answer is no."""
    try:
        return names.isdisjoint(posix.listdir(entry or "."))
    except FileNotFoundError:
        return True
    except OSError:
        return False


def renew_random(module):
    module.seed()


def renew_logging(module):
    import time
    start = time.time_ns()
    # It was a number of seconds until 3.13.
    module._startTime = start if isinstance(module._startTime, int) else start / 1e9


def renew_platform(module):
    module._uname_cache = None


def renew_threading(module):
    # Where threads have no numbers, the main one has none.
    if module._HAVE_THREAD_NATIVE_ID:
        module._main_thread._set_native_id()


# What a module has computed when it was imported, and that is another one's in
# each run.
RENEW = {
    "logging": renew_logging, "platform": renew_platform, "random": renew_random,
    "threading": renew_threading,
}


def list_sites():
    """What stands in the folders for a user's own modules."""
    site = sys.modules.get("site")
    if site is None:
        return None
    site.USER_BASE = site.USER_SITE = None
    found = []
    for folder in [site.getusersitepackages(), *site.getsitepackages()]:
        # Where homes are unknown, as to CPython in WebAssembly, a user has none.
        if folder is None:
            continue
        try:
            found.append((folder, sorted(posix.listdir(folder))))
        except OSError:
            found.append((folder, None))
    return found


def begin():
    """Makes the kept interpreter this run's own. The entry has set arguments,
    environment and working directory."""
    for fd, name in enumerate(STREAMS):
        renew_stream(fd, name)
    # The zone of local time may be another one than where the snapshot was made.
    (sys.modules.get("time") or prepared["time"]).tzset()
    if list_sites() != site_folders:
        add_sites()


def renew_stream(fd, name):
    """Makes a standard stream what the start would have made of this run's."""
    try:
        mode = posix.fstat(fd).st_mode
    except OSError:
        set_stream(name, None)
        return
    is_terminal = _stat.S_ISCHR(mode) and posix.isatty(fd)
    if can_be_positioned(fd, mode) != positioned[name]:
        stream = _io.TextIOWrapper(
            _io.open(fd, "wb" if fd else "rb", closefd=False), getattr(sys, name).encoding,
            getattr(sys, name).errors, "\n", is_terminal or name == "stderr")
        stream.buffer.raw.name = f"<{name}>"
        stream.mode = "w" if fd else "r"
        set_stream(name, stream)
    elif is_terminal and not getattr(sys, name).line_buffering:
        getattr(sys, name).reconfigure(line_buffering=True)


def can_be_positioned(fd, mode):
    if _stat.S_ISFIFO(mode) or _stat.S_ISSOCK(mode):
        return False
    try:
        posix.lseek(fd, 0, 1)  # from here
    except OSError:
        return False
    return True


def set_stream(name, stream):
    setattr(sys, name, stream)
    setattr(sys, f"__{name}__", stream)


def add_sites():
    """Does again what site did, now that there is something."""
    import site
    folders = site.getsitepackages()
    sys.path[:] = [entry for entry in sys.path if entry not in folders]
    known = site.addusersitepackages(site.removeduppaths())
    site.addsitepackages(known)
    site.execsitecustomize()
    if site.ENABLE_USER_SITE:
        site.execusercustomize()
