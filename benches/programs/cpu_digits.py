"""Long integers: digits of pi."""
import time


def main():
    k, a, b, a1, b1, digits = 2, 4, 1, 12, 4, []
    while len(digits) < 4000:
        p, q, k = k * k, 2 * k + 1, k + 1
        a, b, a1, b1 = a1, b1, p * a + q * a1, p * b + q * b1
        d, d1 = a // b, a1 // b1
        while d == d1:
            digits.append(d)
            a, a1 = 10 * (a % b), 10 * (a1 % b1)
            d, d1 = a // b, a1 // b1
    assert digits[:6] == [3, 1, 4, 1, 5, 9]


if __name__ == "__main__":
    begun = time.perf_counter()
    main()
    print(time.perf_counter() - begun)
