import contextlib, io, os, sys
with contextlib.redirect_stdout(io.StringIO()) as out: print("captured"); help(len)
print(out.getvalue()[:40].splitlines())
with open("log.txt", "w") as log, contextlib.redirect_stderr(log): print("to the file", file=sys.stderr)
print(open("log.txt").read(), end="")
r, w = os.pipe(); os.write(w, b"through a pipe"); os.close(w); print(os.read(r, 100), os.read(r, 1)); os.close(r)
copy = os.dup(1); os.write(copy, b"by a copy\n"); os.close(copy)
fd = os.open("log.txt", os.O_RDWR | os.O_APPEND); os.write(fd, b"more\n"); os.lseek(fd, 0, 0); print(os.read(fd, 99), os.fstat(fd).st_size, os.isatty(fd)); os.close(fd)
saved = os.dup(1); target = os.open("out.txt", os.O_WRONLY | os.O_CREAT); os.dup2(target, 1); os.write(1, b"into out.txt\n"); os.dup2(saved, 1); print(open("out.txt").read(), end="")
