#: stdin = "ready\n"
import select, selectors, sys, time
readable, writable, broken = select.select([sys.stdin], [sys.stdout], [], 5); print(readable == [sys.stdin], writable == [sys.stdout], broken, repr(sys.stdin.readline()))
begin = time.monotonic(); print(select.select([], [], [], 0.2), 0.19 < time.monotonic() - begin < 5)
print(select.select([0], [], [], 5)[0], repr(sys.stdin.read()))
p = select.poll(); p.register(1, select.POLLOUT); print([(fd, event & select.POLLOUT == select.POLLOUT) for fd, event in p.poll(1000)])
s = selectors.DefaultSelector(); s.register(1, selectors.EVENT_WRITE, "data"); print([(key.fd, key.data, mask) for key, mask in s.select(1)]); s.unregister(1)
