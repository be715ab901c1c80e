import asyncio
async def producer(queue, name):
    for n in range(3): await queue.put((name, n)); await asyncio.sleep(0.001)
async def consumer(queue, out):
    while True: item = await queue.get(); out.append(item); queue.task_done()
async def numbers(n):
    try:
        for i in range(n): yield i; await asyncio.sleep(0)
    finally: print("closed generator")
class Manager:
    async def __aenter__(self): print("aenter"); return self
    async def __aexit__(self, *args): print("aexit", args[0]); return True
async def main():
    queue, out = asyncio.Queue(2), []; workers = [asyncio.create_task(consumer(queue, out)) for _ in range(2)]
    await asyncio.gather(*(producer(queue, n) for n in "ab")); await queue.join(); [w.cancel() for w in workers]; print(sorted(out), (await asyncio.gather(*workers, return_exceptions=True))[0].__class__.__name__)
    print([x async for x in numbers(3)], {x: y async for x, y in pairs()})
    async with Manager(): raise KeyError("swallowed")
    lock, sem, event, cond = asyncio.Lock(), asyncio.Semaphore(2), asyncio.Event(), asyncio.Condition()
    async def guarded(n):
        async with sem, lock: await asyncio.sleep(0); return n
    print(await asyncio.gather(*map(guarded, range(5))), event.is_set(), lock.locked())
    async for x in numbers(10):
        if x == 2: break
    asyncio.get_running_loop().call_soon(lambda: 1 / 0); await asyncio.sleep(0.01)
    raise RuntimeError("at the end of main")
async def pairs():
    for p in ((1, 2), (3, 4)): yield p
asyncio.run(main())
