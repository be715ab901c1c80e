#: line = ["arguments.py", "--flag", "", "two words", "naïve ☃ 𝄞", "-", "--", "'\"$HOME\\"]
import sys
for argument in sys.argv:
    print(ascii(argument), argument)
