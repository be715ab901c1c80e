import sys, weakref
class Loud:
    def __del__(self):
        raise ValueError("in __del__")
Loud()
def hook(kind, value, trace):
    print("hook:", kind.__name__, value, trace.tb_lineno)
sys.excepthook = hook
sys.unraisablehook = lambda args: print("unraisable:", args.exc_type.__name__, args.err_msg)
Loud()
def g():
    try:
        yield
    finally:
        raise OSError("closing")
it = g(); next(it); del it
raise RuntimeError("last words")
