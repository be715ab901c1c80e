import json
def outer(value):
    return inner(value + 1)
def inner(value):
    data = {"text": json.loads('{"a": [1, 2,, 3]}'), "value": value}
    return data
print("before")
outer(1)
