from dataclasses import KW_ONLY, asdict, astuple, dataclass, field, fields, replace
from enum import Enum, Flag, IntEnum, StrEnum, auto
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypedDict, TypeVar, get_type_hints, runtime_checkable
@dataclass(order=True, frozen=True, slots=True)
class Point:
    x: int
    y: int = 0
    _: KW_ONLY
    tags: list = field(default_factory=list, compare=False)
p = Point(1, tags=["a"])
print(p, replace(p, y=5), asdict(p), astuple(p), Point(1) < Point(2), hash(Point(1)) == hash(Point(1)))
try:
    p.x = 3
except Exception as error:
    print(type(error).__name__, error)
print([f.name for f in fields(Point)])
class Colour(Enum):
    RED = auto()
    GREEN = "g"
    ALIAS = RED
class Perm(Flag):
    R = auto(); W = auto(); X = auto()
class Level(IntEnum):
    LOW = 1; HIGH = 10
class Word(StrEnum):
    FIRST = auto()
print(list(Colour), Colour.ALIAS, Colour("g"), Perm.R | Perm.X, ~Perm.R, Level.HIGH > 5, f"{Word.FIRST}", repr(Perm(0)))
try:
    Colour("nope")
except ValueError as error:
    print(error)
@runtime_checkable
class Sized(Protocol):
    def size(self) -> int: ...
class Box[T]:
    def __init__(self, value: T): self.value = value
    def size(self) -> int: return 1
type Pair[A, B] = tuple[A, B]
class Row(NamedTuple):
    name: str
    count: int = 1
class Options(TypedDict, total=False):
    depth: int
print(isinstance(Box(1), Sized), Box[int], Pair[int, str], Row("x"), Row("x")._asdict(), get_type_hints(Row), Options(depth=1))
match {"kind": "point", "at": [1, 2, 3], "extra": None}:
    case {"kind": "point", "at": [x, *rest], **others}:
        print(x, rest, others)
match p:
    case Point(x=1, y=0):
        print("matched")
