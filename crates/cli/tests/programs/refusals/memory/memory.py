try:
    data = bytearray(300 << 20)
    print("allocated", len(data))
except MemoryError as error:
    print("MemoryError", error)
data = bytearray(50 << 20)
print(len(data), "fits")
del data
chunks = []
try:
    while True:
        chunks.append("x" * (1 << 20))
except MemoryError:
    count = len(chunks)
    del chunks
    print("MemoryError again", 100 < count < 256)
[0] * (1 << 30)
