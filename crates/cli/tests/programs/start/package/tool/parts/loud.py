from .. import parts
def shout(word):
    assert parts.shout is shout
    return word.upper() + "!"
