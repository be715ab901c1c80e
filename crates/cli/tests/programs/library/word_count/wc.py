import argparse, collections, json, re, sys
parser = argparse.ArgumentParser(description="Count words.")
parser.add_argument("files", nargs="+", type=argparse.FileType("r"), help="a file, or - for stdin")
parser.add_argument("--top", type=int, default=10)
parser.add_argument("--output", type=argparse.FileType("w"), default=sys.stdout)
options = parser.parse_args()
counts = collections.Counter()
for file in options.files:
    for line in file:
        counts.update(re.findall(r"\w+", line))
json.dump(dict(counts.most_common(options.top)), options.output, indent=1)
options.output.close()
print(sum(counts.values()), "words from", [file.name for file in options.files])
