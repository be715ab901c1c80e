#: line = ["-c", "import sys; print(sys.argv, __name__, '__file__' in globals(), repr(sys.path[0])); 1/0", "a", "-b"]
