"""The eight queens by permutations: generators, sets, tuples."""
import itertools
import time


def main():
    columns = range(8)
    found = sum(1 for queens in itertools.permutations(columns)
                if len({queens[i] + i for i in columns}) == len({queens[i] - i for i in columns}) == 8)
    assert found == 92


if __name__ == "__main__":
    begun = time.perf_counter()
    main()
    print(time.perf_counter() - begun)
