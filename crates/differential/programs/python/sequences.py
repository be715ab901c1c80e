"""What the Python programs of the comparison share: see ../common.h, whose words and whose
rules these are. Random numbers are computed here, so that they do not depend on a version."""
import errno
import os
import sys
from binascii import crc32

MASK = (1 << 64) - 1


def mixed(value):
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


class Draws:
    def __init__(self, state=0):
        self.state = state

    def below(self, end):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        return (mixed(self.state) >> 16) % end

    def chance(self, percent):
        return self.below(100) < percent

    def between(self, least, most):
        return least + self.below(most - least + 1)

    def pick(self, things):
        return things[self.below(len(things))]

    def bytes(self, length):
        start = self.below(1 << 20)
        return bytes(1 + (start + at * 7) % 251 for at in range(length))


draws = Draws()
shown = []


def say(*words):
    shown.append(" ".join(str(word) for word in words))


def brief(value):
    """A value in a few words: long ones by their length and a digest."""
    text = repr(value)
    if len(text) <= 60:
        return text
    return f"{text[:20]}...({len(text)} {crc32(text.encode('utf-8', 'backslashreplace')):08x})"


def attempt(name, function, *arguments, show=brief, **words):
    """Calls a function, shows how and what came of it, and returns that, or None."""
    say(name, *(brief(one) for one in arguments), *(f"{key}={brief(one)}" for key, one in words.items()))
    try:
        value = function(*arguments, **words)
    except OSError as error:
        say("raises", type(error).__name__, errno.errorcode.get(error.errno, error.errno))
        return None
    # A message may be another one in another version of the interpreter.
    except Exception as error:
        say("raises", type(error).__name__)
        return None
    say("=", show(value))
    return value


def is_left_out(part):
    """Whether a part of what a program does is left out, on both sides."""
    return part in os.environ.get("WITHOUT", "").split(",")


def be_ordinary():
    """What root may do a guest may not."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(1000)
        os.setuid(1000)


def write_out(text):
    data = text.encode("utf-8", "backslashreplace")
    while data:
        data = data[os.write(1, data):]


def run(most, operations, begin=None, end=None):
    """`operations` are functions, each with how often it is done."""
    # What whoever started it has left open would take numbers that the other side has free.
    os.closerange(3, 1024)
    be_ordinary()
    seed, first, count = (int(word) for word in sys.argv[1:4])
    detail = len(sys.argv) > 4
    skipped = {int(one) for one in sys.argv[4].split(",") if one.isdigit()} if detail else set()
    weighted = [function for function, weight in operations for _ in range(weight)]
    for number in range(first, first + count):
        sequence = mixed((seed * 1000003 + number) & MASK)
        draws.state = sequence
        digest = 0
        total = 1 + draws.below(most)
        if begin:
            begin()
        for index in [*range(total), None]:
            if index in skipped:
                continue
            shown.clear()
            if index is not None:
                draws.state = mixed((sequence + index * 0x632BE59BD9B4E019) & MASK)
                draws.pick(weighted)()
            elif end:
                end()
            text = " ".join(shown)
            digest = mixed(digest ^ crc32(text.encode("utf-8", "backslashreplace")))
            if detail:
                write_out(f"{'' if index is None else f'{index}: '}{text}\n")
        if not detail:
            write_out(f"{number} {digest:016x} {total}\n")
