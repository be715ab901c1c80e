#: native = false
import socket, urllib.request, http.client, asyncio
for attempt in (lambda: socket.socket(), lambda: socket.create_connection(("127.0.0.1", 80)), lambda: socket.getaddrinfo("example.org", 80), lambda: socket.socketpair(), lambda: urllib.request.urlopen("http://example.org/"), lambda: http.client.HTTPConnection("localhost").request("GET", "/"), lambda: asyncio.run(asyncio.open_connection("localhost", 1))):
    try: print("returned", attempt())
    except Exception as error: print(type(error).__name__, error)
print(type(socket.gethostname()))
