"""Holds waiting guests of a library in threads: for each count of the arguments,
starts more until there are so many, prints that, and waits for a line."""
import os
import sys
import threading


def hold(counts, guest):
    """`guest(arrived)` runs one guest, which calls `arrived` and then waits."""
    there = threading.Semaphore(0)
    held = 0
    for count in map(int, counts):
        while held < count:
            threading.Thread(target=guest, args=(there.release,), daemon=True).start()
            held += 1
            if not there.acquire(timeout=60):
                sys.exit(f"guest {held} did not start")
        print(held, flush=True)
        if not sys.stdin.readline():
            break
    # The guests would go on waiting.
    os._exit(0)
