import atexit, sys
atexit.register(print, "at exit")
try:
    sys.exit(42)
finally:
    print("finally")
