#: line = ["-c", "import sys; print(sys.flags.optimize, sys.argv)", "-O"]
