import errno
def fail(kind):
    raise kind("of " + kind.__name__)
errors = []
for kind in (ValueError, TypeError):
    try:
        fail(kind)
    except Exception as error:
        errors.append(error)
try:
    raise ExceptionGroup("several", errors)
except* ValueError as group:
    print("caught", group.exceptions)
    raise ExceptionGroup("nested", [*group.exceptions, OSError(errno.ENOENT, "No such file", "x.txt")])
