#: stdin_hex = "61ff620a"
import sys
try: print(ascii(sys.stdin.readline()))
except UnicodeDecodeError as error: print(error)
