import sys
for statement in ("import nothing_of_this_name", "from os import nothing", "import os.nothing", "from . import x"):
    try:
        exec(statement)
    except ImportError as error:
        print(type(error).__name__, error)
sys.path.insert(0, "/not/there")
sys.path.append("/not/there/either.zip")
import does_not_exist
