#: native = false
import threading, concurrent.futures
try: threading.Thread(target=print).start()
except Exception as error: print(type(error).__name__, error)
try:
    with concurrent.futures.ThreadPoolExecutor() as pool: print(pool.submit(pow, 2, 3).result())
except Exception as error: print(type(error).__name__, error)
threading.Thread(target=print, args=("never",)).start()
