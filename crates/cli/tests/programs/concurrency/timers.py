import asyncio, time
async def tick(name, delay, count):
    for n in range(count):
        await asyncio.sleep(delay); print(name, n)
    return name
async def main():
    begin = time.monotonic()
    print(await asyncio.gather(tick("slow", 0.1, 2), tick("fast", 0.04, 3)))
    print(0.19 < time.monotonic() - begin < 5)
    try: await asyncio.wait_for(asyncio.sleep(60), 0.05)
    except TimeoutError as error: print("timeout", repr(error))
    try:
        async with asyncio.timeout(0.05): await asyncio.Event().wait()
    except TimeoutError: print("timeout block")
    loop = asyncio.get_running_loop(); done = loop.create_future(); loop.call_later(0.02, done.set_result, "later"); loop.call_soon(print, "soon"); print(await done)
    done, pending = await asyncio.wait([asyncio.create_task(asyncio.sleep(d, d)) for d in (0.01, 30)], return_when=asyncio.FIRST_COMPLETED); print([t.result() for t in done], len(pending)); [t.cancel() for t in pending]
    for c in asyncio.as_completed([asyncio.sleep(0.06, "b"), asyncio.sleep(0.01, "a")]): print(await c)
asyncio.run(main())
