#: stdin = "Ann\n 42 \nlast without end"
name = input("Name? ")
age = int(input("Age? "))
print(f"Hello {name}, {age + 1}")
print(repr(input()))
try:
    input("More? ")
except EOFError as error:
    print("EOF:", error)
input("again? ")
