import locale, sys, unicodedata
for c in "é☃𝄞ǅ٣Ⅷß\u0301":
    print(ascii(c), unicodedata.name(c, "?"), unicodedata.category(c), unicodedata.bidirectional(c), unicodedata.combining(c), unicodedata.numeric(c, None), unicodedata.east_asian_width(c), ascii(unicodedata.decomposition(c)))
print(unicodedata.unidata_version, ascii(unicodedata.normalize("NFD", "Åé한")), ascii(unicodedata.normalize("NFKC", "ﬁ①Å")), unicodedata.lookup("SNOWMAN"), unicodedata.is_normalized("NFC", "e\u0301"), len("👩‍👩‍👧"), "\N{GREEK SMALL LETTER ALPHA}")
print(sys.getdefaultencoding(), sys.getfilesystemencoding(), sys.stdout.encoding, sys.stdin.encoding, sys.stderr.encoding, sys.stderr.errors, sys.maxunicode)
print(locale.setlocale(locale.LC_ALL, "C"), locale.localeconv()["decimal_point"], locale.str(1.5), locale.format_string("%d", 1234567, grouping=True), f"{1234567:n}")
名前 = "identifier"; print(名前, "٣".isdigit(), int("٣"), "Ǆ".title(), "ΑΣ".lower(), "straße".casefold() == "STRASSE".casefold())
print("\ud800")
