import json, decimal
data = {"text": "é\u2028\"\\\n", "numbers": [0, -1, 1.5, 1e22, 1e-7, 0.1, 2**70], "nest": [[[]], {}], "t": True, "n": None}
print(json.dumps(data), json.dumps(data, ensure_ascii=False, indent=2, sort_keys=True, separators=(",", ": ")), sep="\n")
assert json.loads(json.dumps(data)) == data
print(json.loads("[1.10, NaN, -Infinity]", parse_float=decimal.Decimal))
for bad in ('{"a" 1}', "[1,]", '"\x01"', "nul", "", "[" * 3, '{"a":1} x'):
    try: json.loads(bad)
    except json.JSONDecodeError as error: print(error)
class Odd: pass
try: json.dumps({"k": Odd})
except TypeError as error: print(error)
try: loop = []; loop.append(loop); json.dumps(loop)
except ValueError as error: print(error)
