"""A tree of tasks on an event loop."""
import asyncio
import time


async def node(depth):
    if depth == 0:
        await asyncio.sleep(0)
        return 1
    return sum(await asyncio.gather(*(node(depth - 1) for _ in range(4))))


def main():
    assert asyncio.run(node(6)) == 4096


if __name__ == "__main__":
    begun = time.perf_counter()
    main()
    print(time.perf_counter() - begun)
