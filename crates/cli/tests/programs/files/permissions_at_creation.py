"""Files and directories are made with the permission bits that were asked for."""

import os
import stat
import tempfile
from pathlib import Path


def shown(path):
    return stat.filemode(os.stat(path).st_mode)


def make(name, mode):
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT, mode))
    return shown(name)


os.chdir(tempfile.mkdtemp())
print("open", make("a", 0o600), make("b", 0o666), make("c", 0o777), make("a", 0o666))
Path("d").write_text("d")
print("text", shown("d"))
for mode in (0o777, 0o700, 0o755, 0o1777):
    os.mkdir(f"{mode:o}", mode)
    print(f"mkdir {mode:o}", shown(f"{mode:o}"))
before = os.umask(0o077)
print("umask", oct(before), make("e", 0o666))
os.mkdir("f")
print("mkdir", shown("f"), oct(os.umask(before)))
os.makedirs("g/h", 0o750)
print("makedirs", shown("g"), shown("g/h"))
descriptor, name = tempfile.mkstemp()
print("mkstemp", shown(name), "mkdtemp", shown(tempfile.mkdtemp()))
try:
    open("")
except FileNotFoundError as error:
    print("open of nothing:", error.strerror)
