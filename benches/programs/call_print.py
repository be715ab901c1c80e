"""Prints 100,000 lines, each written at once as to a terminal."""
for number in range(100_000):
    print(number, "a line of output", flush=True)
