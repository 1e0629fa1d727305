"""How a bucket is read; kept apart from what takes long to import: boto3, and the settings' library."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pipeline.config import Settings


@dataclass(frozen=True, slots=True)
class S3Options:
    """Who pays for the requests, and as whom they are made."""

    requester_pays: bool = False
    """Accept the charges of a bucket that its reader pays for."""
    assume_role: str | None = None
    """ARN of the role to read as; None reads with the credentials that the AWS chain finds."""
    region: str | None = None
    """Of the bucket, where it is known; None takes that of the AWS chain."""

    @classmethod
    def of(cls, settings: "Settings") -> Self:
        """What the settings say about buckets."""
        return cls(settings.requester_pays, settings.assume_role)
