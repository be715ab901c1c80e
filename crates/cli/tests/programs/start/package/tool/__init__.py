"""A package with parts."""
from .parts import shout
__all__ = ["shout", "VERSION"]
VERSION = "1.2"
