#: line = ["argparse_help.py", "--help"]
#: environment = { COLUMNS = "70" }
import argparse
parser = argparse.ArgumentParser(description="An example of some length, long enough to be wrapped onto a second line.", epilog="The end.")
parser.add_argument("input", help="what to read")
parser.add_argument("-v", "--verbose", action="count", default=0)
group = parser.add_mutually_exclusive_group(required=True)
group.add_argument("--one", action="store_true", help="this one (%(default)s)")
group.add_argument("--two", choices=["a", "b"], metavar="LETTER")
commands = parser.add_subparsers(dest="command", title="commands")
commands.add_parser("go", help="goes", aliases=["g"])
parser.parse_args()
