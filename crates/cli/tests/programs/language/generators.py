import inspect
def counter(limit):
    received = []
    try:
        for i in range(limit):
            got = yield i
            if got is not None:
                received.append(got)
    except GeneratorExit:
        print("closed after", received)
        raise
    finally:
        print("cleanup")
    return received
def delegate():
    result = yield from counter(3)
    print("delegated", result)
    yield "end"
it = delegate()
print(next(it), it.send("a"), it.send("b"), next(it))
it = counter(5); next(it); it.close()
it = counter(5); next(it)
try:
    it.throw(ValueError, ValueError("thrown"))
except ValueError as error:
    print("out:", error)
print(inspect.getgeneratorstate(it))
def primes():
    found = []
    n = 2
    while True:
        if all(n % p for p in found):
            found.append(n)
            yield n
        n += 1
from itertools import islice
print(list(islice(primes(), 20)), sum(x * x for x in range(1000)))
def broken():
    yield 1
    raise StopIteration
list(broken())
