"""Readiness by the modules select and selectors."""
import os
import select
import selectors
import socket

from sequences import attempt, draws, run, say

things = {}
polled = None
sets = None


def keep(which, thing):
    old = things.pop(which, None)
    if old is not None:
        os.close(old)
    things[which] = thing


def slot():
    return draws.pick(sorted(things)) if things else 0


def of(fds):
    """Descriptors as the slots that they are in."""
    return sorted(which for which, one in things.items() if one in fds)


def make():
    one = draws.below(8)
    other = (one + 1 + draws.below(7)) % 8
    match draws.below(3):
        case 0:
            ends = os.pipe()
        case 1:
            ends = [one.detach() for one in socket.socketpair(type=draws.pick([socket.SOCK_STREAM, socket.SOCK_DGRAM]))]
        case 2:
            ends = [os.eventfd(draws.below(3), os.EFD_NONBLOCK), os.eventfd(0, os.EFD_NONBLOCK | os.EFD_SEMAPHORE)]
    say("make", one, other)
    for which, end in zip((one, other), ends):
        os.set_blocking(end, False)
        keep(which, end)


def change():
    one = slot()
    if one not in things:
        return
    match draws.below(4):
        case 0: attempt(f"write {one}", lambda: os.write(things[one], b"12345678"))
        case 1 | 2: attempt(f"read {one}", lambda: os.read(things[one], 8))
        case 3:
            say("close", one)
            os.close(things.pop(one))


def choose():
    lists = [[things[slot()] for _ in range(draws.below(4))] if things else [] for _ in range(3)]
    say([of(one) for one in lists])
    attempt("select", lambda: [of(found) for found in select.select(*lists, draws.pick([0, 0, 0.001]))])


EVENTS = [select.POLLIN, select.POLLOUT, select.POLLIN | select.POLLOUT, select.POLLPRI, 0]


def poll():
    poller = select.poll()
    for _ in range(draws.below(6)):
        if things:
            one, events = slot(), draws.pick(EVENTS)
            poller.register(things[one], events)
            say(one, events)
    known = {fd: which for which, fd in things.items()}
    attempt("poll", lambda: sorted((known.get(fd), events) for fd, events in poller.poll(draws.pick([0, 0, 1]))))


def epoll():
    global sets
    if sets is None:
        sets = select.epoll()
    one = slot()
    fd = things.get(one, 99)
    events = draws.pick([select.EPOLLIN, select.EPOLLOUT, select.EPOLLIN | select.EPOLLET, select.EPOLLOUT | select.EPOLLONESHOT])
    known = {fd: which for which, fd in things.items()}
    match draws.below(6):
        case 0 | 1: attempt(f"register {one}", lambda: sets.register(fd, events))
        case 2: attempt(f"modify {one}", lambda: sets.modify(fd, events))
        case 3: attempt(f"unregister {one}", lambda: sets.unregister(fd))
        case 4 | 5: attempt("epoll", lambda: sorted((known.get(fd, -1), got) for fd, got in sets.poll(draws.pick([0, 0.001]))))


def selector():
    kind = draws.pick([selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector])
    with kind() as chosen:
        for which, fd in things.items():
            if draws.chance(50):
                attempt(f"register {which}", lambda: chosen.register(fd, draws.pick([1, 2, 3]), which) and None)
        attempt(kind.__name__, lambda: sorted((key.data, events) for key, events in chosen.select(0)))


def begin():
    global sets
    sets = None
    for which, fd in enumerate(os.pipe()):
        os.set_blocking(fd, False)
        keep(which, fd)


def end():
    global sets
    if sets is not None:
        sets.close()
        sets = None
    for which in list(things):
        os.close(things.pop(which))


if __name__ == "__main__":
    import signal

    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    run(50, [(make, 3), (change, 6), (choose, 3), (poll, 4), (epoll, 6), (selector, 2)], begin, end)
