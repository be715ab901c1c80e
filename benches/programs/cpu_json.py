"""The C accelerators of json."""
import json
import time

DATA = [{"id": n, "name": f"name {n}", "tags": ["a", "b", "c"], "score": n / 7} for n in range(2000)]


def main():
    for _ in range(20):
        assert json.loads(json.dumps(DATA)) == DATA


if __name__ == "__main__":
    begun = time.perf_counter()
    main()
    print(time.perf_counter() - begun)
