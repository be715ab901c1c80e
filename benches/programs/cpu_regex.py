"""The regular expression engine."""
import re
import time

TEXT = "The quick brown fox, 2026-11-23, jumps over the lazy dog <mail@example.org>. " * 400


def main():
    for _ in range(120):
        assert len(re.findall(r"\b\w+@\w+\.\w+\b", TEXT)) == 400
        assert len(re.findall(r"(\d{4})-(\d\d)-(\d\d)", TEXT)) == 400
        re.sub(r"(?i)[aeiou]+", "*", TEXT)


if __name__ == "__main__":
    begun = time.perf_counter()
    main()
    print(time.perf_counter() - begun)
