import importlib.util, os, py_compile, sys, compileall
open("mod.py", "w").write("x = 1\ndef f(): raise ValueError(x)\n"); import mod; print(mod.x, mod.__cached__.rsplit("/", 1)[1] if mod.__cached__ else None)
open("mod.py", "w").write("x = 22\n"); os.utime("mod.py", (1, 1)); importlib.reload(mod) if hasattr(__import__("importlib"), "reload") else None; print(mod.x)
py_compile.compile("mod.py", "mod2.pyc"); spec = importlib.util.spec_from_file_location("mod2", "mod2.pyc"); m = importlib.util.module_from_spec(spec); spec.loader.exec_module(m); print(m.x)
os.mkdir("ns"); open("ns/part.py", "w").write("y = 3"); import ns.part; print(ns.part.y, ns.__path__.__class__.__name__, ns.__spec__.origin)
open("cyc_a.py", "w").write("import cyc_b\nv = 1\n"); open("cyc_b.py", "w").write("from cyc_a import v\n")
try: import cyc_a
except ImportError as error: print(str(error).split(" (")[0])
import shutil; [os.remove(f) for f in ("mod.py", "mod2.pyc", "cyc_a.py", "cyc_b.py")]; shutil.rmtree("ns"); shutil.rmtree("__pycache__", ignore_errors=True)
