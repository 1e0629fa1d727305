"""Everything that can go wrong, named by the side at fault.

A bad log line is never raised: it becomes a row of ``rejected_lines``.
"""


class ForensicsError(Exception):
    """Root of all errors that a user can act on: what failed, where, and what to try."""

    exit_code = 1


class UsageError(ForensicsError):
    """The command line or its values are off."""

    exit_code = 2


class ConfigError(UsageError):
    """A setting is unknown or has a value that cannot be used."""


class SourceError(ForensicsError):
    """A log or timeline source cannot be reached, or refuses us."""

    exit_code = 4


class RejectedLinesError(ForensicsError):
    """More lines were rejected than allowed."""

    exit_code = 5


class DeliveryError(ForensicsError):
    """A notification or metrics did not arrive; the next run sends what is missing."""

    exit_code = 7

    def __init__(self, message: str, *, may_have_arrived: bool = False) -> None:
        """Say what happened, and whether the receiver may have it all the same."""
        super().__init__(message)
        self.may_have_arrived = may_have_arrived


class StoreError(ForensicsError):
    """The lake cannot be read or written."""


class QueryError(ForensicsError):
    """A SQL file of this project failed: a defect, named with its file."""
