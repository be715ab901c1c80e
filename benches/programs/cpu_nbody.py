"""Floating point: planets that pull at each other."""
import time

BODIES = [[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 39.47], [4.84, -1.16, -0.10, 0.60, 2.81, -0.02, 0.037],
          [8.34, 4.12, -0.40, -1.01, 1.82, 0.008, 0.011], [12.89, -15.11, -0.22, 1.08, 0.86, -0.01, 0.0017]]


def main():
    bodies = [list(body) for body in BODIES]
    for _ in range(20000):
        for index, one in enumerate(bodies):
            for other in bodies[index + 1:]:
                dx, dy, dz = one[0] - other[0], one[1] - other[1], one[2] - other[2]
                force = 0.001 / ((dx * dx + dy * dy + dz * dz) ** 1.5 + 1e-9)
                for axis, delta in ((3, dx), (4, dy), (5, dz)):
                    one[axis] -= delta * other[6] * force
                    other[axis] += delta * one[6] * force
        for body in bodies:
            for axis in range(3):
                body[axis] += 0.001 * body[axis + 3]


if __name__ == "__main__":
    begun = time.perf_counter()
    main()
    print(time.perf_counter() - begun)
