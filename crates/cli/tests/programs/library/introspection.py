import ast, dis, inspect, io, json.decoder, linecache, pkgutil, symtable, sys, token, tokenize, traceback, textwrap
def f(a, b=2, *args, c: int, d="x", **kw) -> str:
    """Doc of f."""
    return locals()  # a comment
print(inspect.signature(f), inspect.getdoc(f), inspect.getsource(f), inspect.getfullargspec(f).kwonlyargs)
print(inspect.getsource(textwrap.dedent).splitlines()[0], inspect.getsourcelines(json.decoder.JSONDecoder.decode)[1], inspect.getfile(textwrap).rsplit("/", 1)[1])
print(inspect.getcomments(f), inspect.isbuiltin(len), inspect.signature(sorted), [n for n, _ in inspect.getmembers(f, inspect.isroutine)][:3])
try: f()
except TypeError as error: print(error)
tree = ast.parse("x = [i ** 2 for i in range(10) if i % 2]\nprint(f'{x!r:>10}')"); print(ast.dump(tree, indent=1), ast.unparse(tree), ast.literal_eval("{'a': (1, [2.5, None])}"))
class T(ast.NodeTransformer):
    def visit_Constant(self, n): return ast.copy_location(ast.Constant(n.value * 2), n) if isinstance(n.value, int) else n
exec(compile(ast.fix_missing_locations(T().visit(tree)), "<t>", "exec"))
print([(token.tok_name[t.type], t.string) for t in tokenize.generate_tokens(io.StringIO("a = 'b' # c\n").readline)], symtable.symtable("def g(x): return y", "s", "exec").get_children()[-1].get_globals())
dis.dis(lambda a: a.b[1:2] + (yield a))
def inner(): raise KeyError("k")
try:
    try: inner()
    except KeyError as e: raise ValueError("v") from e
except ValueError as error:
    te = traceback.TracebackException.from_exception(error, capture_locals=True); print("".join(te.format()).replace(sys.path[0], "."))
    print(traceback.extract_tb(error.__traceback__)[0].line, [f.name for f in traceback.walk_tb(error.__cause__.__traceback__)] if 0 else "")
frame = inspect.currentframe(); print(frame.f_lineno, frame.f_code.co_name, [f.function for f in inspect.stack()])
for bad in ("1 +", "f(**a, *b)", "x = = 1", "def f(:\n", "'abc", "return", "await x", "a b", "print 1", "for i in 1:", "{1: 2, 3}", "0777", "f'{a b}'", "\tx\n y", "import a.b as", "class: pass", "(a, b) += 1", "None = 1", "x\x00y"):
    try: compile(bad, "<bad>", "exec")
    except (SyntaxError, ValueError) as error: print(type(error).__name__, error)
sys.settrace(lambda frame, event, arg: print("trace", event, frame.f_code.co_name)); inner2 = (lambda: 1)(); sys.settrace(None)
print(sys.getrefcount(object()) < 4, sys.getsizeof(1) > 0, sys.intern("a") is "a"[:], callable(print), sorted(k for k in vars(type("X", (), {"a": 1})) if k[0] != "_"))
