"""The time to import thirty modules that few programs use, in seconds."""
import importlib
import sys
import time

NAMES = """aifc bdb cProfile calendar chunk cmd code codeop colorsys compileall configparser csv difflib
doctest fileinput filecmp formatter ftplib getopt getpass gettext html.parser http.cookiejar imaplib
ipaddress mailbox mimetypes netrc optparse pdb pickletools plistlib poplib pprint profile pstats py_compile
pyclbr pydoc quopri rlcompleter sched shelve smtplib statistics symtable tabnanny telnetlib this tomllib
trace tracemalloc turtle unittest.mock uuid wave wsgiref.simple_server xml.dom.minidom xml.etree.ElementTree
xml.sax xmlrpc.client zipapp zipfile""".split()


def main():
    imported, spent = 0, 0.0
    for name in NAMES:
        if imported == 30:
            break
        if name in sys.modules or name == "this":
            continue
        begun = time.perf_counter()
        try:
            importlib.import_module(name)
        except ImportError:
            continue
        spent += time.perf_counter() - begun
        imported += 1
    if imported < 30:
        sys.exit(f"only {imported} modules could be imported")
    print(spent)


main()
