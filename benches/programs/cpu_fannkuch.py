"""Lists of small integers, turned over and over."""
import itertools
import time


def main():
    most = 0
    for permutation in itertools.permutations(range(9)):
        row, flips = list(permutation), 0
        while row[0]:
            first = row[0]
            row[:first + 1] = row[first::-1]
            flips += 1
        most = max(most, flips)
    assert most == 30


if __name__ == "__main__":
    begun = time.perf_counter()
    main()
    print(time.perf_counter() - begun)
