#: line = ["-m", "dis", "small.txt"]
#: files = { "small.txt" = "def f(a, *b, c=1):\n    try:\n        return [x for x in b if x > a]\n    except ValueError as e:\n        raise SystemExit(c) from e\n" }
