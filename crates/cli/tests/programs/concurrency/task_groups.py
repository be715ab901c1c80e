import asyncio, contextvars
var = contextvars.ContextVar("var", default=0)
async def work(n):
    var.set(n); await asyncio.sleep(0.01 * n); print("done", n, var.get()); return n * n
async def fail(): await asyncio.sleep(0.015); raise ValueError("in a group")
async def forever():
    try: await asyncio.sleep(1000)
    except asyncio.CancelledError: print("cancelled"); raise
async def main():
    async with asyncio.TaskGroup() as group: tasks = [group.create_task(work(n)) for n in range(4)]
    print([t.result() for t in tasks], var.get())
    try:
        async with asyncio.TaskGroup() as group: group.create_task(fail()); group.create_task(forever())
    except* ValueError as errors: print(errors.exceptions)
    task = asyncio.create_task(forever(), name="mine"); await asyncio.sleep(0); task.cancel("reason")
    try: await task
    except asyncio.CancelledError as error: print("outer", error.args, task.cancelled(), task.get_name())
    async with asyncio.TaskGroup() as group: group.create_task(fail())
asyncio.run(main())
