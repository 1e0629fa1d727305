"""What AWS or the way to it can refuse, in the user's terms."""

from dataclasses import dataclass

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOTokenLoadError,
    UnauthorizedSSOTokenError,
)
from botocore.exceptions import (
    ConnectionError as UnreachableError,
)
from botocore.parsers import ResponseParserError

FAULTS = (ClientError, BotoCoreError, ResponseParserError, LookupError, ValueError, TypeError, AttributeError)
"""Everything that a call can raise; the last four where an answer is well-formed, but not AWS's."""

_DENIED = {
    *("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403"),
    *("AllAccessDisabled", "OptInRequired"),
}
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_INVALID = {
    *("InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "InvalidAccessKeyId"),
    *("SignatureDoesNotMatch", "InvalidToken", "MissingAuthenticationToken"),
}
_THROTTLED = {
    *("Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "SlowDown"),
    *("TooManyRequestsException", "RequestThrottled", "LimitExceededException"),
}
_NOT_FOUND = {"LoadBalancerNotFound", "TargetGroupNotFound", "NoSuchBucket"}
_NO_CREDENTIALS = (
    *(NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, ProfileNotFound),
    *(SSOTokenLoadError, UnauthorizedSSOTokenError),
)
_NETWORK = (HTTPClientError, UnreachableError, ConnectionClosedError)


@dataclass(frozen=True)
class Fault:
    """Why a question has no answer.

    Attributes:
        kind: denied, expired, throttled, unreachable, ...
        message: what happened and what to do about it.
        is_for_service: whether asking the service again is of no use.
        is_for_all: whether asking anything again is of no use.
    """

    kind: str
    message: str
    is_for_service: bool = False
    is_for_all: bool = False


def explain(problem: Exception, action: str) -> Fault:
    """Say in the user's terms what happened.

    Args:
        problem: one of `FAULTS`.
        action: the IAM action that was called.
    """
    if isinstance(problem, ClientError):
        is_of_role = problem.operation_name == "AssumeRole"
        return _no_role(problem) if is_of_role else _answered(problem, action)
    if isinstance(problem, _NO_CREDENTIALS):
        return Fault(
            "credentials", f"no AWS credentials ({problem}); log in, or set AWS_PROFILE", is_for_all=True
        )
    if isinstance(problem, NoRegionError):
        return Fault(
            "region", "no AWS region; set AWS_DEFAULT_REGION, or give --lb as an ARN", is_for_all=True
        )
    if isinstance(problem, _NETWORK):
        return Fault(
            "unreachable", f"cannot be reached ({problem}); check network and endpoint", is_for_service=True
        )
    if isinstance(problem, BotoCoreError):
        return Fault("failed", f"{problem}; check the AWS configuration")
    words = f"{type(problem).__name__}: {str(problem)[:200]}"
    return Fault("failed", f"answered with what is no answer of AWS ({words}); is there a proxy?")


def _no_role(problem: ClientError) -> Fault:
    why = "allow sts:AssumeRole on it, and let its trust policy name who asks"
    return Fault("denied", f"the role of timeline_roles cannot be taken; {why} ({problem})", is_for_all=True)


def _answered(problem: ClientError, action: str) -> Fault:
    error = problem.response.get("Error", {})
    code, words = str(error.get("Code", "")), str(error.get("Message", ""))[:300]
    said = f"{code}: {words}" if words else code
    if code in _DENIED:
        return Fault("denied", f"access denied; allow {action} ({said})")
    if code in _EXPIRED:
        return Fault("expired", f"the AWS credentials have expired ({said}); log in again")
    if code in _INVALID:
        return Fault("credentials", f"the AWS credentials are not accepted ({said})")
    if code in _THROTTLED:
        return Fault("throttled", f"throttled to the end ({said}); run again later")
    if code in _NOT_FOUND:
        return Fault("not_found", f"{said}; check the name, the region and the account")
    return Fault("failed", f"failed ({said})")
