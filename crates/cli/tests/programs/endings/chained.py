class Broken(Exception):
    def __str__(self):
        return "broken: %s" % (self.args,)
def load():
    try:
        {}["key"]
    except KeyError as error:
        raise Broken("load", 1) from error
try:
    load()
except Broken:
    try:
        int("x" * 3)
    except ValueError as error:
        error.add_note("a note\nof two lines")
        try:
            raise
        finally:
            [].nothing
