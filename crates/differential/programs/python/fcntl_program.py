"""Descriptors' flags and locks by the module fcntl."""
import array
import fcntl
import os
import struct

from sequences import attempt, draws, run, say

opened = []


def fd():
    return draws.pick(opened) if draws.chance(95) else draws.pick([-1, 99])


def lock():
    command = draws.pick([fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_UN, 0])
    attempt("flock", fcntl.flock, fd(), command | fcntl.LOCK_NB)


def record():
    command = draws.pick([fcntl.LOCK_SH, fcntl.LOCK_EX, fcntl.LOCK_UN])
    attempt("lockf", fcntl.lockf, fd(), command | fcntl.LOCK_NB, draws.between(0, 30), draws.between(-5, 30), draws.below(4))


# struct flock of this interpreter: short, short, then two of the size of off_t, then an int.
FLOCK = "hhqqi4x"


def own():
    kind, whence = draws.pick([fcntl.F_RDLCK, fcntl.F_WRLCK, fcntl.F_UNLCK]), draws.pick([0, 1, 2])
    block = struct.pack(FLOCK, kind, whence, draws.below(30), draws.below(30), 0)
    name, command = draws.pick([("F_SETLK", fcntl.F_SETLK), ("F_OFD_SETLK", fcntl.F_OFD_SETLK), ("F_OFD_GETLK", fcntl.F_OFD_GETLK), ("F_GETLK", fcntl.F_GETLK)])

    def show(value):
        kind, whence, start, length, owner = struct.unpack(FLOCK, value)
        who = "itself" if owner == os.getpid() else owner if owner <= 0 else "another"
        return f"{kind} {whence} {start} {length} {who}" if name.endswith("GETLK") else "done"

    say(kind, whence)
    one = fd()
    attempt(name, lambda: fcntl.fcntl(one, command, block), show=show)


def flags():
    one = fd()
    match draws.below(7):
        case 0: attempt("F_GETFD", fcntl.fcntl, one, fcntl.F_GETFD)
        case 1: attempt("F_SETFD", fcntl.fcntl, one, fcntl.F_SETFD, draws.pick([0, fcntl.FD_CLOEXEC]))
        # O_LARGEFILE is shown by some machines only.
        case 2: attempt("F_GETFL", lambda: fcntl.fcntl(one, fcntl.F_GETFL) & (os.O_APPEND | os.O_NONBLOCK | 3))
        case 3: attempt("F_SETFL", fcntl.fcntl, one, fcntl.F_SETFL, draws.pick([0, os.O_APPEND, os.O_NONBLOCK]))
        case 4:
            made = attempt("F_DUPFD", fcntl.fcntl, one, fcntl.F_DUPFD_CLOEXEC, 20)
            if made is not None:
                os.close(made)
        case 5: attempt("inheritable", os.set_inheritable, one, draws.chance(50))
        case 6: attempt("unknown", fcntl.fcntl, one, 9999)


def control():
    buffer = array.array("i", [0])
    one = fd()
    attempt("FIONREAD", lambda: fcntl.ioctl(one, 0x541B, buffer) and 0)
    say(buffer[0])


def change():
    if draws.chance(50):
        one = draws.below(len(opened))
        os.close(opened[one])
        opened[one] = os.open(draws.pick(["a", "b"]), draws.pick([os.O_RDWR, os.O_RDONLY, os.O_WRONLY]))
        say("opened again", one)
    else:
        attempt("lseek", os.lseek, fd(), draws.below(40), os.SEEK_SET)


def pipe_size():
    reader, writer = os.pipe()
    attempt("F_GETPIPE_SZ", fcntl.fcntl, reader, fcntl.F_GETPIPE_SZ)
    attempt("F_SETPIPE_SZ", fcntl.fcntl, writer, fcntl.F_SETPIPE_SZ, draws.pick([1, 4096, 10000, 65536]))
    os.close(reader)
    os.close(writer)


def begin():
    for name in ("a", "b"):
        one = os.open(name, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o666)
        os.write(one, b"x" * 20)
        opened.append(one)
        opened.append(os.open(name, os.O_RDWR))
    opened.append(os.open("a", os.O_RDONLY))


def end():
    while opened:
        os.close(opened.pop())


if __name__ == "__main__":
    run(50, [(lock, 5), (record, 5), (own, 5), (flags, 4), (control, 1), (change, 2), (pipe_size, 1)], begin, end)
