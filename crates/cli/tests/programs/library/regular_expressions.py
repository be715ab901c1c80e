import re
text = "The year 1999, the year 2024-05-06; naïve café ☃ x=1, y = 22"
print(re.findall(r"\b(\d{4})(?:-(\d\d)-(\d\d))?", text), re.sub(r"(?P<k>\w)\s*=\s*(?P<v>\d+)", r"\g<v>:\g<k>", text))
print(re.split(r"[,;]\s*", text), re.match(r"(?i)the (?P<w>\w+)", text).groupdict(), re.search(r"(?<=na)ï(?=ve)", text).span())
print(re.compile(r"""(?x) (\w+) \s+ \1 # doubled""").findall("the the cat cat"), re.fullmatch(r"(?s:.)*", "a\nb").end(), [m.span() for m in re.finditer("a*", "baac")])
print(re.sub(r"\d+", lambda m: str(int(m[0]) * 2), "1 22 333"), re.escape("a.b*c"), re.findall(r"(?a)\w+", "é a"), re.findall(r"(?>a+)b|(?:a|ab)++c", "aab abc"))
for bad in ("(", "a**", "[z-a]", "(?P<1>x)", r"\1", "(?<=a*)b"):
    try: re.compile(bad)
    except re.error as error: print(repr(bad), error)
print(re.compile("a|b", re.I | re.M), re.compile(b"x").sub(b"y", b"axb"))
