from .loud import shout
