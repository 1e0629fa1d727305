"""forensics: why a load balancer answered 502 or 504, for every request, and how sure."""

from importlib.metadata import version

__version__ = version("forensics")
