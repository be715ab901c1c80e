import os, tempfile
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "x"); open(path, "w").write("1"); print(os.path.isdir(folder), os.listdir(folder), folder.startswith(tempfile.gettempdir()))
print(os.path.exists(folder))
with tempfile.NamedTemporaryFile("w+", suffix=".txt") as f: f.write("hello"); f.seek(0); print(f.read(), os.path.exists(f.name), f.name.endswith(".txt")); name = f.name
print(os.path.exists(name))
with tempfile.TemporaryFile() as f: f.write(b"x" * 100000); f.seek(-3, 1); print(f.read())
with tempfile.SpooledTemporaryFile(max_size=10) as f: f.write(b"12345678901234"); f.seek(0); print(f.read(4), f._rolled)
fd, path = tempfile.mkstemp(); os.write(fd, b"abc"); os.close(fd); print(open(path).read(), os.stat(path).st_size); os.remove(path)
with tempfile.NamedTemporaryFile(delete_on_close=False) as f: f.close(); print(os.path.exists(f.name))
names = {tempfile.mktemp() for _ in range(100)}; print(len(names)); print(os.path.expanduser("~") == os.environ["HOME"])
