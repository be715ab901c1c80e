#: native = false
import os, subprocess
for attempt in (lambda: subprocess.run(["ls"]), lambda: subprocess.run("ls", shell=True), lambda: os.fork(), lambda: os.system("ls"), lambda: os.popen("ls"), lambda: os.execv("/bin/ls", ["ls"]), lambda: os.posix_spawn("/bin/ls", ["ls"], {}), lambda: os.spawnv(os.P_WAIT, "/bin/ls", ["ls"]), lambda: os.kill(1, 9), lambda: os.waitpid(-1, 0)):
    try: print("returned", attempt())
    except Exception as error: print(type(error).__name__, error)
import multiprocessing
try: p = multiprocessing.Process(target=print); p.start(); p.join()
except Exception as error: print(type(error).__name__, error)
