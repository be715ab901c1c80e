import sys
print("out", end="")
sys.exit("a text for stderr ☃")
