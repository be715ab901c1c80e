import threading, _thread, queue, concurrent.futures, contextvars, sched, time
lock = threading.Lock(); print(lock.acquire(), lock.acquire(blocking=False), lock.locked()); lock.release()
with threading.RLock() as held, threading.Condition(), threading.Semaphore(1): print(held)
print(threading.current_thread().name, threading.main_thread() is threading.current_thread(), threading.active_count(), threading.get_ident() == threading.main_thread().ident)
local = threading.local(); local.x = 1; print(local.x, threading.Event().wait(0.02), lock.acquire(timeout=0.02)); 
print(lock.acquire(timeout=0.02)); lock.release()
try: lock.release()
except RuntimeError as error: print(error)
q = queue.SimpleQueue(); q.put(1); print(q.get(), q.empty())
try: q.get(timeout=0.02)
except queue.Empty: print("empty")
s = sched.scheduler(); s.enter(0.02, 1, print, ("second",)); s.enter(0.01, 1, print, ("first",)); s.run()
