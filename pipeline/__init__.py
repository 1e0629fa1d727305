"""forensics: why a load balancer answered 502 or 504, for every request, and how sure."""

import os
import sys

if sys.platform == "linux" and os.uname().machine == "x86_64":  # its packages of Arrow all bring jemalloc
    # Arrow asks once, when it is loaded. Its own choice faults every page in anew, object after object:
    # docs/performance.md tells what that costs an ingest.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")


def __getattr__(name: str) -> str:
    """``__version__``, looked up when it is asked for: that takes as long as reading an object."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version  # noqa: PLC0415 - see above

    return version("forensics")
