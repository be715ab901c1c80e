"""The whole cost of one os.stat, in seconds."""
import os
import time

COUNT = 5000


def main():
    for _ in range(COUNT):
        os.stat("/tmp")


begun = time.perf_counter()
main()
print((time.perf_counter() - begun) / COUNT)
