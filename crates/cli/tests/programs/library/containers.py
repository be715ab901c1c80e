import bisect, collections, heapq, itertools, operator, pprint, string, textwrap, difflib, queue, graphlib, types, reprlib
d = collections.deque(range(5), maxlen=4); d.rotate(1); d.appendleft(9); print(d, collections.Counter("mississippi").most_common(2), collections.ChainMap({"a": 1}, {"a": 2, "b": 3})["b"])
o = collections.OrderedDict(a=1, b=2); o.move_to_end("a"); g = collections.defaultdict(list); g["x"].append(1); print(o, g, collections.namedtuple("T", "x y", defaults=[2])(1))
print(list(itertools.permutations("abc", 2)), list(itertools.batched(range(7), 3)), [(k, list(v)) for k, v in itertools.groupby("aabccc")], list(itertools.accumulate([1, 2, 3], operator.mul)), list(itertools.pairwise("abcd")), list(itertools.product("ab", repeat=2)), list(itertools.zip_longest("ab", "x")), list(itertools.islice(itertools.cycle("ab"), 5)), list(itertools.combinations_with_replacement("ab", 2)), list(itertools.compress("abc", [1, 0, 1])), list(itertools.starmap(pow, [(2, 3)])), list(itertools.takewhile(str.isalpha, "ab1c")))
h = [5, 1, 4]; heapq.heapify(h); heapq.heappush(h, 0); print([heapq.heappop(h) for _ in range(4)], heapq.nlargest(2, range(9)), list(heapq.merge([1, 4], [2, 3])), bisect.bisect([1, 2, 2, 3], 2), sorted("bAc", key=str.lower), sorted([(1, "b"), (1, "a")], key=operator.itemgetter(0)))
pprint.pprint({"a": list(range(30)), "b": {"c" * 20: "d" * 60, "e": ("f" * 30, "g" * 40)}}, width=60); print(reprlib.repr(list(range(100))), reprlib.repr("x" * 100))
print(textwrap.fill("The quick brown fox jumps over the lazy dog and runs away.", 24, initial_indent="* ", subsequent_indent="  "), textwrap.dedent("  a\n    b\n"), textwrap.shorten("many words in here", 12), string.Template("$a ${b} $$").substitute(a=1, b=2))
print("".join(difflib.unified_diff(["a\n", "b\n", "c\n"], ["a\n", "x\n", "c\n"], "old", "new")), difflib.get_close_matches("appel", ["ape", "apple"]))
print(list(graphlib.TopologicalSorter({"d": {"b", "c"}, "b": {"a"}, "c": {"a"}}).static_order())[0], types.SimpleNamespace(a=1), types.MappingProxyType({1: 2}))
q = queue.PriorityQueue(); [q.put(x) for x in (3, 1, 2)]; print([q.get() for _ in range(3)])
try: q.get_nowait()
except queue.Empty as error: print("empty", repr(error))
s = {1, 2, 3}; print(s & {2, 9}, s ^ {3}, s >= {1}, frozenset([1]) in {frozenset([1])}, {**{"a": 1}, "b": 2} | {"c": 3}, [*range(3), *"ab"])
try:
    for k in (dd := {1: 1}): dd[2] = 2
except RuntimeError as error: print(error)
a = list(range(10)); a[2:8:2] = "xyz"; del a[::3]; print(a, a[::-1], a.index("y"))
import sys; print(sorted([3, 1, 2], reverse=True), min([], default="none"), max("abc", "b", key=len), all([]), any([]), sum([[1], [2]], []), list(zip("ab", range(2), strict=True)), dict(enumerate("ab", 1)), hash(1) == hash(1.0) == hash(True), hash(-1), hash(float("inf")))
