"""Files, directories and descriptors by the module os and what stands on it."""
import glob
import io
import os
import pathlib
import shutil
import stat
import tempfile
import time

from sequences import attempt, brief, draws, is_left_out, run, say

NAMES = ["a", "b", "c", "a", "b", ".", "..", "d"]
top = None
opened = {}


def path():
    if draws.below(60) == 0:
        return draws.pick(["", "n" * 256, "n" * 255, "a\0b", b"a", "caf\xe9", "\udcff"])
    text = "/".join(draws.pick(NAMES) for _ in range(draws.pick([1, 1, 2, 3])))
    # Nothing leads out of the directory, whatever the working directory is.
    return text.replace("..", ".") if os.getcwd() == top else text


def slot():
    return draws.below(5)


def keep(which, fd):
    if opened.get(which) is not None:
        os.close(opened.pop(which))
    if fd is not None:
        opened[which] = fd


def fd():
    return opened.get(slot(), draws.pick([-1, 77]))


def told(result):
    """What stat tells; for what is left out see ../tree.h."""
    size = "" if stat.S_ISDIR(result.st_mode) else result.st_size
    changed = "now" if abs(result.st_mtime - time.time()) < 100000 else result.st_mtime_ns
    return f"{stat.filemode(result.st_mode)} {result.st_nlink} {size} {changed}"


def names(found):
    return brief(sorted(str(name) for name in found))


def open_one():
    flags = draws.pick([os.O_RDONLY, os.O_RDWR, os.O_WRONLY])
    for flag in (os.O_CREAT, os.O_EXCL, os.O_TRUNC, os.O_APPEND, os.O_NOFOLLOW, os.O_CLOEXEC):
        if draws.chance(50 if flag == os.O_CREAT else 12):
            flags |= flag
    which, name = slot(), path()
    try:
        if stat.S_ISFIFO(os.stat(name).st_mode):
            return  # it would wait for its other end
    except (OSError, ValueError):
        pass
    made = attempt("os.open", os.open, name, flags, 0o600 | draws.below(0o100))
    if made is not None:
        say(told(os.fstat(made)), os.get_inheritable(made))
        keep(which, made)


def data():
    one, size = fd(), draws.below(3000)
    match draws.below(9):
        case 0: attempt("read", os.read, one, size)
        case 1: attempt("write", os.write, one, draws.bytes(size))
        case 2: attempt("pread", os.pread, one, size, draws.below(4000))
        case 3: attempt("pwrite", os.pwrite, one, draws.bytes(size), draws.below(4000))
        case 4: attempt("lseek", os.lseek, one, draws.between(-100, 4000), draws.below(4))
        case 5: attempt("ftruncate", os.ftruncate, one, draws.between(-1, 6000))
        case 6: attempt("writev", os.writev, one, [draws.bytes(draws.below(50)) for _ in range(draws.below(4))])
        case 7:
            buffers = [bytearray(draws.below(50)) for _ in range(draws.below(4))]
            attempt("readv", os.readv, one, buffers)
            say(brief(buffers))
        case 8: attempt("fsync", os.fsync, one)


def descriptors():
    one = fd()
    match draws.below(6):
        case 0: attempt("fstat", os.fstat, one, show=told)
        case 1: attempt("isatty", os.isatty, one)
        case 2: attempt("get_blocking", os.get_blocking, one)
        case 3:
            which = slot()
            made = attempt("dup", os.dup, one)
            if made is not None:
                keep(which, made)
        case 4: attempt("fchmod", os.fchmod, one, 0o700 | draws.below(0o100))
        case 5:
            which = slot()
            say("close", which, which in opened)
            keep(which, None)


def change():
    one, other = path(), path()
    match draws.below(14):
        case 0 | 1: attempt("mkdir", os.mkdir, one, 0o700 | draws.below(0o100))
        case 2: attempt("makedirs", os.makedirs, one, exist_ok=draws.chance(50))
        case 3: attempt("rmdir", os.rmdir, one)
        case 4: attempt("remove", os.remove, one)
        case 5: attempt("rename", os.rename, one, other)
        case 6: attempt("replace", os.replace, one, other)
        case 7: attempt("link", os.link, one, other, follow_symlinks=draws.chance(50))
        case 8: attempt("symlink", os.symlink, draws.pick(["a", "b", "a/b", "c"]), other)
        case 9: attempt("removedirs", os.removedirs, one) if ".." not in str(one) and os.getcwd() != top else say("none")
        case 10: attempt("chmod", os.chmod, one, 0o700 | draws.below(0o100))
        case 11:
            when = draws.pick([0, -1, 10**9, -(10**9), 2**31, 1.5])
            attempt("utime", os.utime, one, (when, when), follow_symlinks=draws.chance(60))
        case 12: attempt("truncate", os.truncate, one, draws.between(-1, 4000))
        case 13: attempt("mkfifo", os.mkfifo, one, 0o600) if not is_left_out("fifos") else None


def ask():
    one = path()
    match draws.below(14):
        case 0 | 1: attempt("stat", os.stat, one, show=told, follow_symlinks=draws.chance(60))
        case 2: attempt("listdir", os.listdir, one, show=names)
        case 3: attempt("scandir", lambda at: [(e.name, e.is_dir(), e.is_file(follow_symlinks=False), e.is_symlink()) for e in os.scandir(at)], one, show=names)
        case 4: attempt("readlink", os.readlink, one)
        case 5: attempt("access", os.access, one, draws.below(8))
        case 6: attempt("exists", lambda at: (os.path.exists(at), os.path.lexists(at), os.path.isdir(at), os.path.islink(at)), one)
        case 7: attempt("walk", lambda at: [(str(w[0]), sorted(w[1]), sorted(w[2])) for w in os.walk(at)], one, show=names)
        case 8: attempt("realpath", lambda at: str(os.path.realpath(at)).replace(top, "TOP"), one)
        case 9: attempt("glob", lambda: sorted(glob.glob("**", recursive=True)))
        case 10: attempt("samefile", os.path.samefile, one, path())
        case 11: attempt("listdir of", lambda: sorted(os.listdir(fd())))
        case 12: attempt("fwalk", lambda at: [(w[0], sorted(w[1]), sorted(w[2])) for w in os.fwalk(at)], one, show=names)
        case 13: attempt("getcwd", lambda: os.getcwd().replace(top, "TOP"))


def below_a_directory():
    """By a descriptor of a directory."""
    one, other = path(), path()
    try:
        at = os.open(draws.pick(["a", "b", "."]), os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        say("no directory", type(error).__name__)
        return
    try:
        if os.path.samestat(os.fstat(at), os.stat(top)) and (".." in str(one) or ".." in str(other)):
            one = other = "a"
        match draws.below(8):
            case 0: attempt("mkdir at", os.mkdir, one, dir_fd=at) if True else None
            case 1: attempt("stat at", lambda: told(os.stat(one, dir_fd=at)))
            case 2: attempt("unlink at", lambda: os.unlink(one, dir_fd=at))
            case 3: attempt("rename at", lambda: os.rename(one, other, src_dir_fd=at, dst_dir_fd=at))
            case 4: attempt("readlink at", lambda: os.readlink(one, dir_fd=at))
            case 5: attempt("access at", lambda: os.access(one, os.R_OK, dir_fd=at))
            case 6: attempt("link at", lambda: os.link(one, other, src_dir_fd=at, dst_dir_fd=at))
            case 7: attempt("scandir at", lambda: sorted(e.name for e in os.scandir(at)))
    finally:
        os.close(at)


def go():
    if draws.chance(60):
        attempt("chdir", os.chdir, path())
    else:
        attempt("fchdir", os.fchdir, fd())
    try:
        here = os.getcwd()
    except OSError:
        say("nowhere")
        os.chdir(top)
        return
    if not here.startswith(top):
        say("back")
        os.chdir(top)


def above():
    """What stands on these calls."""
    one, other = path(), path()
    match draws.below(9):
        case 0: attempt("write_text", lambda: pathlib.Path(one).write_text("text\n" * draws.below(9)))
        case 1: attempt("read_bytes", lambda: pathlib.Path(one).read_bytes()) if not is_fifo(one) else None
        case 2: attempt("copyfile", lambda: shutil.copyfile(one, other) and None)
        case 3: attempt("copy2", lambda: shutil.copy2(one, other) and None) if not is_fifo(one) else None
        case 4: attempt("move", lambda: shutil.move(one, other) and None) if str(one).count("..") == 0 == str(other).count("..") else None
        case 5: attempt("rmtree", shutil.rmtree, one) if ".." not in str(one) and not str(one).startswith(".") else None
        case 6: attempt("append", lambda: open(one, draws.pick(["a", "ab", "r+", "x"])).close()) if not is_fifo(one) else None
        case 7:
            def temporary():
                with tempfile.TemporaryFile(dir=".") as file:
                    file.write(b"x" * 1000)
                    file.seek(draws.below(900))
                    return len(file.read()), os.fstat(file.fileno()).st_nlink
            attempt("temporary file", temporary)
        case 8:
            def buffered():
                with open(one, "w+", buffering=draws.pick([-1, 1, 16])) as file:
                    file.write("one\ntwo\n")
                    file.seek(0)
                    return file.readlines(), file.tell()
            attempt("buffered", buffered) if not is_fifo(one) else None


def is_fifo(name):
    try:
        return stat.S_ISFIFO(os.stat(name).st_mode)
    except (OSError, ValueError):
        return False


def pipes():
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    say("pipe", os.get_blocking(reader), os.get_blocking(writer), os.get_inheritable(reader))
    for _ in range(draws.below(6)):
        if draws.chance(50):
            attempt("write", os.write, writer, draws.bytes(draws.below(2000)))
        else:
            attempt("read", os.read, reader, draws.below(3000))
    os.close(writer)
    attempt("read", os.read, reader, 20000)
    os.close(reader)
    if hasattr(os, "memfd_create"):
        one = attempt("memfd_create", os.memfd_create, "name", show=lambda _: "made")
        if one is not None:
            attempt("write", os.write, one, b"content")
            attempt("sendfile", lambda: os.sendfile(one, one, 0, 3))
            os.close(one)


def attributes():
    if is_left_out("attributes"):
        return
    one, key = path(), draws.pick(["user.one", "user.two", "user.", "x"])
    match draws.below(4):
        case 0: attempt("setxattr", os.setxattr, one, key, draws.bytes(draws.below(20)), draws.pick([0, os.XATTR_CREATE, os.XATTR_REPLACE]))
        case 1: attempt("getxattr", os.getxattr, one, key)
        case 2: attempt("listxattr", lambda at: sorted(os.listxattr(at)), one)
        case 3: attempt("removexattr", os.removexattr, one, key)


def begin():
    os.chdir(top)
    os.umask(0o022)
    os.mkdir("a")
    os.mkdir("a/b")
    pathlib.Path("a/a").write_text("something")
    keep(0, os.open("b", os.O_CREAT | os.O_RDWR, 0o644))
    os.symlink("a/b", "c")


def end():
    for which in list(opened):
        keep(which, None)
    os.chdir(top)
    for folder, folders, files in os.walk(".", topdown=False):
        for name in sorted(folders + files):
            one = os.path.join(folder, name)
            result = os.lstat(one)
            say("|", brief(one), told(result))
            if stat.S_ISREG(result.st_mode):
                say(brief(pathlib.Path(one).read_bytes()))
            if stat.S_ISDIR(result.st_mode):
                os.rmdir(one)
            else:
                os.unlink(one)


if __name__ == "__main__":
    os.mkdir("place")
    os.chmod("place", 0o777)
    top = os.path.realpath("place")
    run(50, [(open_one, 5), (data, 6), (descriptors, 3), (change, 9), (ask, 8), (below_a_directory, 3), (go, 2), (above, 3), (pipes, 1), (attributes, 1)], begin, end)
