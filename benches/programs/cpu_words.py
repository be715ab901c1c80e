"""Strings and dictionaries."""
import collections
import time


def main():
    text = "it was the best of times it was the worst of times it was the age of wisdom " * 3000
    for _ in range(12):
        counts = collections.Counter(text.split())
        index = {}
        for number, word in enumerate(text.split()):
            index.setdefault(word[::-1].upper(), []).append(number)
        assert counts["it"] == 9000 and len(index) == 9


if __name__ == "__main__":
    begun = time.perf_counter()
    main()
    print(time.perf_counter() - begun)
