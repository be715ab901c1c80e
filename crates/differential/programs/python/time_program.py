"""Times and dates by the modules time and datetime, with zones of all kinds."""
import calendar
import datetime
import os
import time

from sequences import attempt, draws, run, say

ZONES = ["UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT,M3.2.0,M11.1.0", "<+0330>-3:30", "NZST-12NZDT,M9.5.0,M4.1.0/3", "XXX5YYY,J60/1,J300", "nonsense"]
DIRECTIVES = "aAbBcCdDeFgGHIjmMnpRSTtuUVwWxXyYzZ%"
moment = 0


def zone():
    os.environ["TZ"] = draws.pick(ZONES)
    time.tzset()
    say(os.environ["TZ"], time.tzname, time.timezone, time.altzone, time.daylight)


def choose():
    global moment
    moment = draws.pick([draws.below(1 << 32), -draws.below(1 << 31), 1711846800 + draws.between(-7200, 7200), draws.below(1 << 37) - (1 << 35)])
    say(moment)


def parts():
    match draws.below(4):
        case 0: attempt("localtime", lambda: (tuple(time.localtime(moment)), time.localtime(moment).tm_zone, time.localtime(moment).tm_gmtoff))
        case 1: attempt("gmtime", lambda: tuple(time.gmtime(moment)))
        case 2: attempt("ctime", time.ctime, moment)
        case 3: attempt("mktime", lambda: time.mktime(time.localtime(moment)))


def texts():
    text = " ".join("%" + draws.pick(DIRECTIVES) for _ in range(1 + draws.below(4)))
    attempt("strftime", lambda: time.strftime(text, time.localtime(moment)))


def odd():
    values = [draws.between(1900, 2100), draws.between(-3, 15), draws.between(-10, 40), draws.between(-5, 30), draws.between(-10, 70), draws.between(-10, 70), 0, 1, draws.between(-1, 1)]
    attempt("mktime", lambda: time.mktime(tuple(values)))
    attempt("asctime", lambda: time.asctime(tuple(values)))


def dates():
    match draws.below(4):
        case 0: attempt("fromtimestamp", lambda: datetime.datetime.fromtimestamp(moment).isoformat())
        case 1: attempt("astimezone", lambda: datetime.datetime.fromtimestamp(moment, datetime.timezone.utc).astimezone().isoformat())
        case 2: attempt("timestamp", lambda: datetime.datetime(draws.between(1, 9999), 3, 31, 2, 30, fold=draws.below(2)).timestamp())
        case 3: attempt("strptime", lambda: time.strptime(time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment)), "%Y-%m-%d %H:%M:%S")[:6])


def clocks():
    """That they go on, and how finely."""
    one = time.monotonic_ns()
    time.sleep(0.001)
    say(time.monotonic_ns() - one >= 1_000_000, time.time() > 1.7e9, time.perf_counter() >= 0, time.process_time() > 0)
    attempt("clock_getres", lambda: time.clock_getres(time.CLOCK_REALTIME) > 0)
    attempt("clock_gettime", lambda: time.clock_gettime(draws.pick([time.CLOCK_MONOTONIC, time.CLOCK_REALTIME, time.CLOCK_BOOTTIME])) > 0)
    attempt("clock_gettime", time.clock_gettime, 77)
    attempt("sleep", time.sleep, -1)
    attempt("timegm", lambda: calendar.timegm(time.gmtime(moment)) == moment)


if __name__ == "__main__":
    run(40, [(zone, 3), (choose, 5), (parts, 6), (texts, 5), (odd, 3), (dates, 4), (clocks, 1)], zone)
