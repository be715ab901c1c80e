#: line = ["-m", "json.tool"]
#: stdin = '{"a": 1,\n "b": }'
