"""The whole cost of one os.getpid, the smallest call there is, in seconds."""
import os
import time

COUNT = 5000


def main():
    for _ in range(COUNT):
        os.getpid()


begun = time.perf_counter()
main()
print((time.perf_counter() - begun) / COUNT)
