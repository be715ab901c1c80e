"""Tries everything; prints a line with GOT for whatever works that must not.

Run as: attacks.py FOLDER-OF-THE-HOST SECRET. The caller shows /shown for
reading and /writable for writing, each with links that point out of it.
"""
import errno
import os
import sys

ROOT, SECRET = sys.argv[1:]
tried = 0


def attempt(name, action):
    """What must fail, with an exception."""
    global tried
    tried += 1
    try:
        result = action()
    except (Exception, SystemExit):
        return
    print("GOT", name, repr(result)[:200])


def read(path):
    with open(path, "rb") as file:
        return file.read(4096)


def write(path):
    with open(path, "wb") as file:
        file.write(b"touched")


# --- files of the host ------------------------------------------------------
attempt("read of the secret by its path", lambda: read(ROOT + "/secret.txt"))
for path in ("/etc/shadow", "/proc/self/maps", "/proc/self/mem", "/proc/3/environ", "/proc/self/auxv", "/proc/kcore", "/proc/1/environ", "/proc/self/root/etc/shadow", "/proc/self/cwd/x", "/sys/kernel/version", "/dev/mem", "/dev/kmsg", "/dev/sda", "/root/.bashrc", "/var/log/syslog", "/run/x", "//etc/shadow", "/./etc//shadow", "/tmp/../etc/shadow", "/usr/../../../../etc/shadow", "\\etc\\passwd", "file:///etc/passwd", "/etc/passwd\0.txt", "/etc/passwd/", "~/secret"):
    attempt("read of " + path, lambda: read(path))
    attempt("stat of " + path, lambda: os.stat(path + "/x" if path == "/run/x" else path))
for folder in ("/shown", "/writable"):
    for link in ("absolute", "relative", "folder/secret.txt", "root/etc/shadow", "root" + ROOT + "/secret.txt", "../" * 30 + ROOT + "/secret.txt", "../secret.txt", "../../secret.txt", "../hidden/secret.txt", "folder/../../secret.txt", "./.././../secret.txt", "inside.txt/../../hidden/secret.txt"):
        attempt(f"read of {folder}/{link}", lambda: read(f"{folder}/{link}"))
        attempt(f"write of {folder}/{link}", lambda: write(f"{folder}/{link}"))
    for link in ("folder", "relative", "absolute"):
        attempt(f"chmod of {folder}/{link}", lambda: os.chmod(f"{folder}/{link}", 0o777))
        attempt(f"utime of {folder}/{link}", lambda: os.utime(f"{folder}/{link}"))
        attempt(f"truncate of {folder}/{link}", lambda: os.truncate(f"{folder}/{link}", 0))
    attempt("listing behind a link", lambda: os.listdir(folder + "/folder"))
    attempt("mkdir behind a link", lambda: os.mkdir(folder + "/folder/new"))
    attempt("remove behind a link", lambda: os.remove(folder + "/folder/secret.txt"))
    attempt("enter a link", lambda: os.chdir(folder + "/folder"))
    attempt("enter and read", lambda: (os.chdir(folder), read("../secret.txt")))
    os.chdir("/")

# --- a mount that is read-only ----------------------------------------------
for name, action in {
    "write": lambda: write("/shown/inside.txt"), "append": lambda: open("/shown/inside.txt", "a").write("x"),
    "create": lambda: write("/shown/new"), "truncate": lambda: os.truncate("/shown/inside.txt", 0),
    "open for both": lambda: open("/shown/inside.txt", "r+"), "remove": lambda: os.remove("/shown/inside.txt"),
    "rename": lambda: os.rename("/shown/inside.txt", "/shown/other"), "mkdir": lambda: os.mkdir("/shown/new"),
    "move out": lambda: os.rename("/shown/inside.txt", "/writable/new-moved"),
    "move in": lambda: os.rename("/writable/own.txt", "/shown/new"),
    "link in": lambda: os.link("/writable/own.txt", "/shown/new"), "link out": lambda: os.link("/shown/inside.txt", "/writable/new-link"),
    "symlink": lambda: os.symlink("x", "/shown/new"), "utime": lambda: os.utime("/shown/inside.txt", (1, 1)),
    "rmdir": lambda: os.rmdir("/shown"), "rename mount": lambda: os.rename("/shown", "/elsewhere"),
}.items():
    attempt("read-only: " + name, action)

# --- making a way out of a mount that is writable ---------------------------
for name, target in {"new-absolute": ROOT + "/secret.txt", "new-relative": "../../secret.txt", "new-proc": "/proc/self/root" + ROOT + "/secret.txt", "new-deep": "folder/../../secret.txt"}.items():
    try:
        os.symlink(target, "/writable/" + name)
    except OSError:
        # No link was made; a file of that name would be an ordinary one.
        continue
    attempt("read by an own link " + name, lambda: read("/writable/" + name))
    attempt("write by an own link " + name, lambda: write("/writable/" + name))
attempt("hard link of the secret", lambda: os.link(ROOT + "/secret.txt", "/writable/new-hard"))
attempt("hard link through a link", lambda: (os.link("/writable/relative", "/writable/new-hard2", follow_symlinks=True), read("/writable/new-hard2")))
attempt("rename onto the outside", lambda: os.rename("/writable/own.txt", "/writable/../../own.txt"))
attempt("rename by a link", lambda: os.rename("/writable/own.txt", "/writable/folder/own.txt"))
attempt("device node", lambda: os.mknod("/writable/new-node", 0o60666, 0))
attempt("fifo", lambda: os.mkfifo("/writable/new-fifo"))
attempt("other root", lambda: os.chroot("/writable"))
attempt("names too long", lambda: open("/writable/" + "x" * 100000, "w"))
attempt("path too long", lambda: open("/writable/" + "x/" * 100000, "w"))
attempt("name with NUL", lambda: open("/writable/a\0b", "w"))
attempt("write to the image", lambda: write("/usr/local/lib/python3.14/os.py"))
attempt("remove from the image", lambda: os.remove("/usr/local/lib/python3.14/os.py"))

# --- descriptors --------------------------------------------------------------
for fd in range(3, 1001):
    attempt(f"read of descriptor {fd}", lambda: os.read(fd, 100))
    attempt(f"write of descriptor {fd}", lambda: os.write(fd, b"x"))
for fd in (-1, 1001, 2**31 - 1, -2**31):
    attempt(f"descriptor {fd}", lambda: os.fstat(fd))
attempt("read without bounds", lambda: os.read(0, 2**31 - 1) or 1 / 0)
attempt("climbing from descriptors", lambda: [1 for fd in range(3, 20) if b"root:" in os.read(os.open("../../../../etc/passwd", 0, dir_fd=fd), 100)])

# --- processes, sockets, machine code -----------------------------------------
import asyncio, multiprocessing, signal, socket, subprocess, threading
for name, action in {
    "subprocess": lambda: subprocess.check_output(["/bin/sh", "-c", "id"]), "popen": lambda: subprocess.Popen("id", shell=True),
    "os.popen": lambda: os.popen("id").read(), "fork": os.fork, "forkpty": lambda: os.forkpty(), "exec": lambda: os.execv("/bin/sh", ["sh"]),
    "spawn": lambda: os.posix_spawn("/bin/sh", ["sh"], {}), "kill": lambda: os.kill(os.getppid(), signal.SIGTERM),
    "process": lambda: multiprocessing.Process(target=print).start(), "thread": lambda: threading.Thread(target=print).start(),
    "async process": lambda: asyncio.run(asyncio.create_subprocess_shell("id")), "ptrace": lambda: __import__("ctypes").CDLL(None),
    "dlopen": lambda: __import__("_ctypes").dlopen("libc.so.6", 2), "mmap of a device": lambda: __import__("mmap").mmap(os.open("/dev/mem", 2), 4096),
    "connect": lambda: socket.create_connection(("127.0.0.1", 22), 1), "metadata": lambda: socket.create_connection(("169.254.169.254", 80), 1),
    "resolve": lambda: socket.getaddrinfo("example.com", 80), "listen": lambda: socket.create_server(("", 0)),
    "unix socket": lambda: socket.socket(socket.AF_UNIX).connect("/run/docker.sock"), "raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
    "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", 9)),
    "setuid": lambda: os.setuid(0) or 1 / 0 if os.getuid() == 0 else os.setuid(0), "mount": lambda: os.statvfs("/etc/shadow"),
}.items():
    attempt(name, action)
if os.system("id") == 0:
    print("GOT os.system")

# --- what the virtual machine shows of itself -----------------------------------
own = {name + b"=" + value for name, value in os.environb.items()}
shown = [entry for entry in read("/proc/self/environ").split(b"\0") if entry]
if not own.issuperset(shown):
    print("GOT an environment that is not the program's", shown)
if read("/proc/self/fd/0") != b"":
    print("GOT an input that is not the program's")
with open("/proc/self/cmdline", "rb") as file:
    command_line = file.read().removesuffix(b"\0").split(b"\0")
if command_line[1:] != [os.fsencode(word) for word in sys.orig_argv[1:]]:
    print("GOT a command line that is not the program's", command_line)
# All else that can be read there; the arguments of this program name both.
looked_at = 0
for folder, _, names in os.walk("/"):
    for path in (os.path.join(folder, name) for name in names):
        if folder.startswith(("/dev", "/usr/local/lib", "/shown", "/writable")) or path.endswith("/cmdline"):
            continue
        try:
            content = read(path)
        except OSError:
            continue
        looked_at += 1
        if os.fsencode(ROOT) in content or os.fsencode(SECRET) in content:
            print("GOT a trace of the host in", path)
assert looked_at > 10, looked_at

# --- what is left lying about ---------------------------------------------------
for name, value in os.environ.items():
    if "SECRET" in name or (value and SECRET in value):
        print("GOT the environment of the host")
for text in (sys.executable, os.getcwd(), *sys.path, socket.gethostname(), str(os.uname() if hasattr(os, "uname") else "")):
    if ROOT in text:
        print("GOT a path of the host", text)
assert tried > 2000
print("all tried")
