"""Signals by the module signal: handlers run between instructions of the interpreter, in the
order of their numbers, so that what comes at once is not told apart here."""
import os
import select
import signal
import time

from sequences import attempt, draws, run, say

NUMBERS = [signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGCHLD, signal.SIGWINCH, signal.SIGRTMIN + 1]
handled = []


def handle(number, frame):
    handled.append(int(number))


def fail(number, frame):
    raise KeyError(int(number))


def tell():
    say("handled", handled[:])
    handled.clear()


def numbers(found):
    return sorted(int(one) for one in found)


def some():
    return {draws.pick(NUMBERS) for _ in range(draws.below(4))}


def name(handler):
    return getattr(handler, "name", None) or getattr(handler, "__name__", repr(handler))


def dispose():
    one = draws.pick(NUMBERS) if draws.chance(95) else draws.pick([0, 65, signal.SIGKILL])
    # A default that ends the program is not among them.
    handler = draws.pick([handle, handle, handle, signal.SIG_IGN, fail])
    attempt("signal", lambda: name(signal.signal(one, handler)))
    attempt("getsignal", lambda: name(signal.getsignal(one)))


def send():
    one = draws.pick(NUMBERS)
    if signal.getsignal(one) == signal.SIG_DFL:
        return
    match draws.below(3):
        case 0: attempt("raise_signal", signal.raise_signal, one)
        case 1: attempt("kill", lambda: os.kill(os.getpid(), one))
        case 2: attempt("pidfd", lambda: None)
    tell()


def mask():
    how = draws.pick([signal.SIG_BLOCK, signal.SIG_UNBLOCK, signal.SIG_SETMASK])
    attempt("pthread_sigmask", lambda: numbers(signal.pthread_sigmask(how, some())))
    tell()
    attempt("sigpending", lambda: numbers(signal.sigpending()))


def take():
    wanted = some()
    say(numbers(wanted))
    attempt("sigtimedwait", lambda: (lambda info: info and (info.si_signo, info.si_code))(signal.sigtimedwait(wanted, 0)))
    if numbers(wanted) and set(signal.sigpending()) & wanted:
        attempt("sigwait", lambda: int(signal.sigwait(wanted)))
    tell()


def wait():
    """A call that an alarm interrupts goes on: with a handler that raises it ends."""
    raises = draws.chance(50)
    before = signal.signal(signal.SIGALRM, fail if raises else handle)
    blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    reader, writer = os.pipe()
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.005)
        match draws.below(3):
            case 0: attempt("sleep", time.sleep, 0.02)
            case 1: attempt("select", select.select, [reader], [], [], 0.02)
            case 2: attempt("pause", lambda: signal.sigtimedwait({signal.SIGIO}, 0.02))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        os.close(reader)
        os.close(writer)
    tell()
    signal.signal(signal.SIGALRM, before)
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def wake():
    """The number is written to a descriptor, too."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    before = signal.set_wakeup_fd(writer)
    try:
        one = draws.pick(NUMBERS)
        if signal.getsignal(one) == handle and one not in signal.pthread_sigmask(signal.SIG_BLOCK, ()):
            signal.raise_signal(one)
            attempt("wakeup", os.read, reader, 10)
        tell()
    finally:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)


def timers():
    which = draws.pick([signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF])
    attempt("setitimer", lambda: [round(one, -2) for one in signal.setitimer(which, draws.pick([0, 5000]), draws.pick([0, 700]))])
    attempt("getitimer", lambda: [round(one, -2) for one in signal.getitimer(which)])
    attempt("alarm", lambda: round(signal.alarm(draws.pick([0, 3000])), -2))
    signal.setitimer(which, 0)
    signal.alarm(0)


def names():
    one = draws.between(-1, 66)
    attempt("strsignal", signal.strsignal, one) if one < 32 else None
    attempt("Signals", lambda: signal.Signals(one).name) if one < 32 else None
    attempt("siginterrupt", signal.siginterrupt, draws.pick(NUMBERS), draws.chance(50))


def begin():
    for one in NUMBERS:
        signal.signal(one, handle)


def end():
    attempt("pending", lambda: numbers(signal.sigpending()))
    for one in NUMBERS:
        signal.signal(one, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    tell()


if __name__ == "__main__":
    run(40, [(dispose, 4), (send, 8), (mask, 5), (take, 3), (wait, 1), (wake, 1), (timers, 1), (names, 1)], begin, end)
