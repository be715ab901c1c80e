import sys
print(__name__, __file__, sys.argv, sys.path[0])
print(__builtins__.__name__, __doc__, __spec__, __package__)
print(sys.flags.interactive, sys.flags.optimize, sys.implementation.name, sys.version_info[:3])
