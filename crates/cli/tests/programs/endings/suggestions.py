import traceback, math
attributes = (lambda: math.sine, lambda: [].apend, lambda: undefinedd, lambda: print(prnt))
for attempt in attributes:
    try:
        attempt()
    except Exception:
        traceback.print_exc()
def recursive(n):
    return recursive(n - 1) if n else undefined_name
recursive(6)
