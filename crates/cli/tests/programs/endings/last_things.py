# All that can still call something of the program's while the interpreter ends,
# in its order.
import atexit, builtins, codecs, contextvars, json, os, stat, sys, threading, weakref


class Told:
    def __init__(self, name, write=os.write):
        self.name, self.write = name, write

    def __del__(self):
        self.write(1, f"end of {self.name}\n".encode())


class Cycle(Told):
    def __init__(self, name):
        super().__init__(name)
        self.me = self


def handler(error, kept=Told("what a codec error handler has")):
    return ("", 0)


def search(name, kept=Told("what a codec search function has")):
    return None


def hook(event, args, write=os.write):
    if event.startswith("cpython."):
        write(1, f"audit {event}\n".encode())


def generator(write=os.write):
    try:
        yield
    finally:
        write(1, b"a generator was closed\n")


codecs.register_error("mine", handler)
codecs.register(search)
del handler, search
sys.addaudithook(hook)

variable = contextvars.ContextVar("variable")
variable.set([Told("a context variable's value"), open("/dev/stdout", "w")])
variable.get()[1].write("text that a context variable's file still had\n")
local = threading.local()
local.value = Told("a thread's local value")
cycle = Cycle("a cycle")
alone = Told("a global")
os.mine = Told("an attribute of os")
json.mine = Told("an attribute of json")
stat.mine = Told("an attribute of stat")
sys.mine = Told("an attribute of sys")
builtins.mine = Told("an attribute of builtins")
sys.modules["held"] = type(sys)("held")
sys.modules["held"].value = Told("a module of the program's own")
file = open("/dev/stdout", "w")
file.write("text that a global file still had\n")
suspended = generator()
next(suspended)
atexit.register(lambda: os.write(1, b"atexit\n"))
weakref.finalize(cycle, os.write, 1, b"finalize\n")
temporary = Told("what a weak reference was to")
reference = weakref.ref(temporary, lambda one: os.write(1, b"callback of a weak reference\n"))
del temporary
sys.stdout.write("a line without its end")
