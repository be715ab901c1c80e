"""The spectral norm of a matrix: floating point in nested comprehensions."""
import math
import time


def a(i, j):
    return 1.0 / ((i + j) * (i + j + 1) // 2 + i + 1)


def times(vector, size):
    return [sum(a(i, j) * vector[j] for j in range(size)) for i in range(size)]


def times_transposed(vector, size):
    return [sum(a(j, i) * vector[j] for j in range(size)) for i in range(size)]


def main():
    size = 100
    u = [1.0] * size
    for _ in range(6):
        v = times_transposed(times(u, size), size)
        u = times_transposed(times(v, size), size)
    norm = math.sqrt(sum(x * y for x, y in zip(u, v)) / sum(y * y for y in v))
    assert abs(norm - 1.2742) < 1e-3, norm


if __name__ == "__main__":
    begun = time.perf_counter()
    main()
    print(time.perf_counter() - begun)
