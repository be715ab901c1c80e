"""The Mandelbrot set in complex numbers."""
import time


def main():
    inside = 0
    for row in range(120):
        for column in range(120):
            c, z = complex(column / 60 - 1.5, row / 60 - 1), 0j
            for _ in range(50):
                z = z * z + c
                if abs(z) > 2:
                    break
            else:
                inside += 1
    assert 4000 < inside < 6000, inside


if __name__ == "__main__":
    begun = time.perf_counter()
    main()
    print(time.perf_counter() - begun)
