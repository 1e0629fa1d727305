"""The version of the tool; apart, because asking for it takes as long as reading an object."""

from importlib.metadata import version

__version__ = version("forensics")
