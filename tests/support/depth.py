"""How many examples a costly property is tried on."""

import os


def deep(usually: int, in_long_suites: int) -> int:
    """The second number in ``make test-long``, which sets ``LONG_SUITES``."""
    return in_long_suites if "LONG_SUITES" in os.environ else usually
