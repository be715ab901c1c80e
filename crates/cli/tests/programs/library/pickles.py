import copyreg, io, marshal, pickle, pickletools, shelve
from dataclasses import dataclass
@dataclass
class P:
    x: object
    y: list
class S:
    __slots__ = ("a",)
    def __getstate__(self): return (None, {"a": self.a})
shared = [1]; value = {"p": P(shared, shared), "big": 2**100, "f": -0.0, "b": b"\x00" * 3, "t": (1, (2,)), "s": {1, 2}, "fn": len, "cls": P, "n": None, "u": "☃\ud800", "e": ValueError("v", 1)}
for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
    text = pickle.dumps(value, protocol); back = pickle.loads(text)
    print(protocol, len(text), back["p"].x is back["p"].y, {k: v for k, v in back.items() if k not in "es"}, back["e"].args)
s = S(); s.a = 5; print(pickle.loads(pickle.dumps(s)).a, pickle.loads(pickle._dumps(value))["p"] == value["p"])
pickletools.dis(pickle.dumps((1, "a", [P(1, [])])))
for bad in (lambda: pickle.dumps(lambda: 0), lambda: pickle.loads(b""), lambda: pickle.loads(b"garbage"), lambda: pickle.loads(b"cos\nnothing\n."), lambda: pickle.dumps(open(__file__))):
    try: bad()
    except Exception as error: print(type(error).__name__, str(error).split(" at 0x")[0])
print(marshal.loads(marshal.dumps([1, 2.5, "x", b"y", None, (1,), 2**70])), len(marshal.dumps(compile("a+b", "", "eval"))) > 40)
out = io.BytesIO(); p = pickle.Pickler(out, 5, buffer_callback=lambda b: print("buffer", b.raw().nbytes)); p.dump(pickle.PickleBuffer(bytearray(10)))
with shelve.open("shelf") as shelf: shelf["k"] = value["p"]
with shelve.open("shelf") as shelf: print(shelf["k"], list(shelf))
import glob, os; [os.remove(f) for f in glob.glob("shelf*")]
