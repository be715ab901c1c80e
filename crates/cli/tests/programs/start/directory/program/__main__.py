import sys
import helper
print(__name__, __file__, sys.argv, sys.path[0], __package__ == "")
helper.work(3)
