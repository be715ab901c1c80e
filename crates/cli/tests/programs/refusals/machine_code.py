#: native = false
for name in ("ctypes", "_ctypes", "ssl", "tkinter", "curses", "readline"):
    try: __import__(name); print(name, "imported")
    except ImportError as error: print(type(error).__name__, error)
import importlib.machinery, importlib.util, mmap
open("x.so", "wb").write(b"\x7fELF" + bytes(100))
try:
    loader = importlib.machinery.ExtensionFileLoader("x", "x.so"); importlib.util.module_from_spec(importlib.util.spec_from_loader("x", loader))
except Exception as error: print(type(error).__name__, error)
