"""Objects to bytes and back, by the C module and by the one in Python."""
import pickle
import time


def main():
    record = {"name": "x" * 20, "numbers": list(range(50)), "pairs": [(n, str(n)) for n in range(50)],
              "nested": {f"key {n}": {"a": n, "b": [n] * 5} for n in range(50)}}
    for _ in range(600):
        assert pickle.loads(pickle.dumps(record)) == record
    for _ in range(12):
        assert pickle._loads(pickle._dumps(record)) == record


if __name__ == "__main__":
    begun = time.perf_counter()
    main()
    print(time.perf_counter() - begun)
