"""forensics: why a load balancer answered 502 or 504, for every request, and how sure."""


def __getattr__(name: str) -> str:
    """``__version__``, looked up when it is asked for: that takes as long as reading an object."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version  # noqa: PLC0415 - see above

    return version("forensics")
