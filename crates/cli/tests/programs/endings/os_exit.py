import atexit, os, sys
atexit.register(print, "never printed")
print("flushed", flush=True)
print("lost in the buffer", end="") if not sys.stdout.isatty() else None
try:
    os._exit(7)
finally:
    print("never")
