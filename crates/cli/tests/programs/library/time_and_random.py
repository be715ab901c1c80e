import os, random, select, signal, sys, time
begin = time.monotonic(); cpu = time.process_time(); time.sleep(0.2); slept = time.monotonic() - begin
print(0.19 < slept < 5, time.process_time() - cpu < 0.15, time.perf_counter_ns() > 0, time.monotonic_ns() <= time.monotonic_ns(), time.get_clock_info("monotonic").monotonic)
try: time.sleep(-1)
except ValueError as error: print(error)
begin = time.perf_counter(); x = sum(range(300000)); print(time.perf_counter() > begin)
print(len(os.urandom(100000)), os.urandom(16) != os.urandom(16), random.random() != random.random(), random.SystemRandom().random() < 1)
try: os.urandom(-1)
except ValueError as error: print(error)
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.SIGINT, signal.Signals(2), signal.strsignal(2))
signal.signal(signal.SIGINT, lambda number, frame: print("got", number)); signal.raise_signal(signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
try: signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt: print("interrupted")
