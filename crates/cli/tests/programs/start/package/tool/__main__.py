import argparse
import sys
from importlib import resources
from . import VERSION, parts
from .parts.loud import shout

print(__name__, __package__, sys.argv[1:], sys.argv[0])
parser = argparse.ArgumentParser(prog="tool")
parser.add_argument("word")
parser.add_argument("--times", type=int, default=1)
options = parser.parse_args()
for _ in range(options.times):
    print(shout(options.word), VERSION)
print(resources.files("tool").joinpath("parts/data.txt").read_text(encoding="utf-8"), end="")
print(sorted(entry.name for entry in resources.files(parts).iterdir() if entry.name != "__pycache__"))
sys.exit(3)
