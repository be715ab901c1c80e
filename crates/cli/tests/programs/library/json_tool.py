#: line = ["-m", "json.tool", "--sort-keys", "--indent", "2"]
#: stdin = '{"b": [1, 2.50, 1e400, null, true], "a": {"ключ": "значение", "e": "\\u2603\\ud834\\udd1e"}}'
