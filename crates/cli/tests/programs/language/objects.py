import abc, contextlib, copy, functools, gc, operator, weakref
class Meta(type):
    def __new__(cls, name, bases, space, **kw):
        print("making", name, kw)
        return super().__new__(cls, name, bases, space)
    def __init__(cls, name, bases, space, **kw):
        super().__init__(name, bases, space)
class Typed:
    def __set_name__(self, owner, name): self.name = "_" + name
    def __get__(self, obj, owner=None): return self if obj is None else getattr(obj, self.name)
    def __set__(self, obj, value):
        if not isinstance(value, int): raise TypeError(f"{self.name[1:]} wants int, not {type(value).__name__}")
        setattr(obj, self.name, value)
class Thing(metaclass=Meta, option=1):
    size = Typed()
    def __init__(self, size): self.size = size
    def __init_subclass__(cls, **kw): print("subclass", cls.__name__, kw)
    def __getattr__(self, name): return f"<{name}>"
class Sub(Thing, flavour="x"): pass
s = Sub(4); print(s.size, s.other)
try: s.size = "big"
except TypeError as error: print(error)
class A: pass
class B(A): pass
class C(A): pass
class D(B, C): pass
print([k.__name__ for k in D.__mro__])
try: type("E", (A, B), {})
except TypeError as error: print(error)
class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...
try: Shape()
except TypeError as error: print(error)
class Node: 
    def __init__(self): self.me = self
node = Node(); ref = weakref.ref(node, lambda r: print("collected"))
weakref.finalize(node, print, "finalized")
del node; print("dead before gc:", ref() is None); gc.collect(); print("dead after gc:", ref() is None)
gone = weakref.WeakValueDictionary(); k = A(); gone["k"] = k; print(len(gone)); del k; print(len(gone))
@contextlib.contextmanager
def guard(name):
    print("enter", name)
    try: yield name
    except ZeroDivisionError as error: print("swallowed", error)
    finally: print("exit", name)
with contextlib.ExitStack() as stack:
    for n in "ab": stack.enter_context(guard(n))
    1 / 0
with contextlib.suppress(KeyError): {}["x"]
@functools.lru_cache(maxsize=None)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
print(fib(200), fib.cache_info())
@functools.singledispatch
def show(x): return "object"
@show.register
def _(x: int): return "int"
@show.register(list)
def _(x): return "list"
print(show(1), show([]), show(""), functools.reduce(operator.mul, range(1, 30)))
deep = {"a": [1, {2}], "b": None}; deep["b"] = deep; other = copy.deepcopy(deep); print(other["b"] is other, other["a"] == deep["a"])
print(f"{1234567.891:,.2f} {255:#x} {-7:08b} {'x':*^9} {0.1 + 0.2!r} {s.size=} {'nested':{'>'}{10}}")
print((-7) // 2, (-7) % 3, 2 ** 200, int("zz", 36), round(2.5), divmod(-7, 2), 7 .__class__, 10 ** -3)
