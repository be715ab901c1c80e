#: line = ["-", "a", "b"]
#: stdin = "import sys\nprint(sys.argv, __name__)\nprint(sys.stdin.read())\ndef f():\n    raise KeyError('k')\nf()\n"
