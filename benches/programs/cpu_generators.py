"""Generators that feed each other."""
import time


def numbers(limit):
    yield from range(2, limit)


def without(source, prime):
    return (number for number in source if number % prime)


def sieve():
    source, primes = numbers(4200), []
    while True:
        prime = next(source, None)
        if prime is None or len(primes) > 140:
            break
        primes.append(prime)
        source = without(source, prime)
    assert primes[-1] == 811


def main():
    for _ in range(60):
        sieve()


if __name__ == "__main__":
    begun = time.perf_counter()
    main()
    print(time.perf_counter() - begun)
