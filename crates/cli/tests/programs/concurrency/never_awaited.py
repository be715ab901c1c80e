import asyncio
async def f(): pass
f()
asyncio.run(f(), debug=False)
try: asyncio.run(asyncio.sleep(0)); asyncio.get_running_loop()
except RuntimeError as error: print(error)
try: asyncio.run(42)
except (ValueError, TypeError) as error: print(error)
asyncio.run(f()) ; print(asyncio.iscoroutinefunction(f)) if False else None
