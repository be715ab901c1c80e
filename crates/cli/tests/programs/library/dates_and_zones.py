import calendar, time
from datetime import date, datetime, time as clock, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones
moment = datetime(2024, 3, 31, 0, 30, tzinfo=timezone.utc)
for name in ("Europe/Zurich", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe", "Africa/Casablanca"):
    for hours in (0, 1, 24 * 200):
        there = (moment + timedelta(hours=hours)).astimezone(ZoneInfo(name))
        print(there.isoformat(), there.tzname(), there.dst(), there.utcoffset())
fold = datetime(2024, 10, 27, 2, 30, tzinfo=ZoneInfo("Europe/Zurich"))
print(fold.timestamp(), fold.replace(fold=1).timestamp(), fold.replace(fold=1).tzname(), len(available_timezones()) > 400)
try: ZoneInfo("Moon/Base")
except ZoneInfoNotFoundError as error: print(type(error).__name__, error)
print(datetime.fromisoformat("2024-02-29T12:34:56.789+05:30"), date(2024, 2, 29) + timedelta(days=365), datetime.strptime("5 March 2021 07:08 PM", "%d %B %Y %I:%M %p").strftime("%a %A %b %j %U %W %y %Z|%p|%%|%f|%G-%V"), date.max - date.min, clock(23, 59, 59, 999999))
print(date.fromisocalendar(2024, 9, 4), datetime(2024, 1, 1).isocalendar(), timedelta(days=-1, seconds=3), timedelta(1) / timedelta(hours=5), divmod(timedelta(5), timedelta(2)))
for bad in (lambda: date(2023, 2, 29), lambda: datetime.fromisoformat("x"), lambda: datetime(1, 1, 1) - timedelta(1), lambda: datetime(2024, 1, 1) < moment):
    try: bad()
    except (ValueError, OverflowError, TypeError) as error: print(type(error).__name__, error)
print(time.gmtime(0), time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(1700000000)), time.tzname, time.timezone, calendar.timegm((2024, 2, 29, 0, 0, 0)), time.mktime((2024, 7, 1, 12, 0, 0, 0, 0, -1)), time.strptime("30 Nov 00", "%d %b %y")[:3])
print(calendar.month(2024, 2), datetime.fromtimestamp(1e9, ZoneInfo("Asia/Tokyo")), datetime.fromtimestamp(-1, timezone.utc), datetime.fromtimestamp(2**33, timezone.utc))
assert abs(time.time() - datetime.now(timezone.utc).timestamp()) < 5 and time.time() > 1.6e9
