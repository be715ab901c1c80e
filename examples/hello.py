"""A first program for the sandbox: it looks around and tries to get out."""

import os
import platform
import socket
import subprocess
import sys

print(f"Hello from Python {platform.python_version()} in a cell.")
print(f"I am user {os.getuid()} in {os.getcwd()}, and my arguments are {sys.argv[1:]}.")

attempts = {
    "read the host's password file": lambda: open("/etc/shadow").read(),
    "start a process": lambda: subprocess.run(["/bin/sh", "-c", "id"]),
    "connect to the network": lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
    "write into the library": lambda: open(os.__file__, "w"),
}
for what, attempt in attempts.items():
    try:
        attempt()
    except OSError as error:
        print(f"I tried to {what}: {type(error).__name__}: {error}")
    else:
        sys.exit(f"I could {what}: the sandbox is broken")
