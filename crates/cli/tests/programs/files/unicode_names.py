import errno, os
names = ["ünï", "名前.txt", "☃", "a b", "emoji 👩‍👩‍👧", "é", "e\u0301", "-dash", "new\nline", "tab\t", "quote'\"", "*?[", "\\back", ".hidden", "x" * 255]
for n in names: open(n, "w").write(ascii(n))
print(sorted(map(ascii, set(os.listdir()) - {"unicode_names.py"})), all(open(n).read() == ascii(n) for n in names), len(set(os.listdir(b"."))) - 1)
for n in names: os.rename(n, n[:200] + "2"); os.remove(n[:200] + "2")
for bad in ("x" * 256, "\udcff", "a/" * 3000):
    try: open(bad, "w"); print("made"); os.remove(bad)
    except (OSError, ValueError) as error: print(type(error).__name__, errno.errorcode[error.errno] if isinstance(error, OSError) else error)
print(os.fsencode("é"), os.fsdecode(b"\xc3\xa9"), sorted(os.listdir()))
