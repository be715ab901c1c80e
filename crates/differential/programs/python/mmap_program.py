"""Memory maps by the module mmap: see ../maps.c for what is not compared."""
import mmap
import os

from sequences import attempt, brief, draws, run, say

PAGE = mmap.PAGESIZE
file = None
one = None
access = None


def close():
    global one
    if one is not None:
        one.close()
        one = None


def make():
    global one, access
    close()
    access = draws.pick([mmap.ACCESS_WRITE, mmap.ACCESS_READ, mmap.ACCESS_COPY, mmap.ACCESS_WRITE])
    length, offset = draws.pick([0, 100, PAGE, 2 * PAGE, 50000, -1]), draws.pick([0, 0, PAGE, 100])
    anonymous = draws.chance(30)

    def made():
        if anonymous:
            return mmap.mmap(-1, length or 1)
        return mmap.mmap(file, length, access=access, offset=offset)

    one = attempt(f"mmap {length} {offset} {access} {anonymous}", made, show=lambda made: f"{len(made)} {brief(made[:])}")


def use():
    if one is None:
        return
    size = len(one)
    at, length = draws.below(size + 10), draws.below(200)
    match draws.below(12):
        case 0: attempt("slice", lambda: one[at:at + length])
        case 1: attempt("index", lambda: one[at])
        case 2:
            def put():
                one[at:at + 4] = b"four"
            attempt("put", put)
        case 3: attempt("write", lambda: one.write(draws.bytes(length)))
        case 4: attempt("read", lambda: one.read(draws.pick([length, -1])))
        case 5: attempt("seek", lambda: (one.seek(draws.between(-50, size), draws.below(4)), one.tell()))
        case 6: attempt("find", lambda: (one.find(b"four"), one.rfind(b"x"), one.find(b"a", 10, 20)))
        case 7: attempt("move", lambda: one.move(draws.below(size), draws.below(size), length))
        case 8: attempt("flush", lambda: one.flush())
        case 9: attempt("readline", lambda: one.readline())
        case 10: attempt("size", lambda: (one.size(), len(one)))
        case 11: attempt("byte", lambda: (one.write_byte(draws.below(256)), one.read_byte()))
    say(brief(one[:]))


def resize():
    if one is not None:
        attempt("resize", one.resize, draws.pick([1, PAGE, 3 * PAGE, 100]))
        say(os.fstat(file).st_size)


def look():
    """What the file holds, when it is in step."""
    if one is not None:
        if access == mmap.ACCESS_WRITE:
            one.flush()
        close()
    say("file", brief(os.pread(file, 100000, 0)))


def begin():
    global file
    file = os.open("file", os.O_CREAT | os.O_TRUNC | os.O_RDWR, 0o666)
    os.write(file, draws.bytes(draws.pick([10, PAGE, 3 * PAGE, 10000])) + b"xfour\n")


def end():
    look()
    os.close(file)


if __name__ == "__main__":
    run(40, [(make, 3), (use, 14), (resize, 1), (look, 2)], begin, end)
