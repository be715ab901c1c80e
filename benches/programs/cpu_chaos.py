"""A fractal by the chaos game on splines: floating point and small objects."""
import random
import time


class Point:
    __slots__ = ("x", "y")

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __add__(self, other):
        return Point(self.x + other.x, self.y + other.y)

    def scaled(self, factor):
        return Point(self.x * factor, self.y * factor)


def bezier(points, t):
    while len(points) > 1:
        points = [a.scaled(1 - t) + b.scaled(t) for a, b in zip(points, points[1:])]
    return points[0]


def main():
    source = random.Random(1234)
    splines = [[Point(source.random(), source.random()) for _ in range(4)] for _ in range(3)]
    grid = [[0] * 64 for _ in range(64)]
    point = Point(0.5, 0.5)
    for _ in range(12000):
        bent = bezier(splines[source.randrange(3)], point.x)
        point = bent.scaled(0.5) + point.scaled(0.5)
        grid[int(point.y * 63.99)][int(point.x * 63.99)] += 1
    assert sum(map(sum, grid)) == 12000


if __name__ == "__main__":
    begun = time.perf_counter()
    main()
    print(time.perf_counter() - begun)
