import sys
depth = 0
def f():
    global depth
    depth += 1
    f()
try:
    f()
except RecursionError as error:
    print(error, depth > 900)
class A:
    def __repr__(self):
        return repr(self)
try:
    repr(A())
except RecursionError as error:
    print("repr:", str(error)[:32])
sys.setrecursionlimit(20000)
def g(n):
    return n and g(n - 1) + 1
print(g(15000))
def h(n):
    return h(n + 1)
sys.setrecursionlimit(100)
h(0)
