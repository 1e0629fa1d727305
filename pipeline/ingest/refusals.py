"""What AWS refuses, in words that say what to do about it."""

import re

from botocore.exceptions import ClientError

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
_NOT_ACCEPTED = {
    *("InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException", "InvalidToken"),
    *("SignatureDoesNotMatch", "IncompleteSignature", "InvalidSecurity", "AuthFailure"),
}
_SKEWED = {"RequestTimeTooSkewed", "RequestInTheFuture"}
_DENIED = {
    *("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403", "Forbidden"),
    *("AllAccessDisabled", "AccountProblem"),
}
_ELSEWHERE = {
    "PermanentRedirect",
    "AuthorizationHeaderMalformed",
    "301",
    "IllegalLocationConstraintException",
}
_ACTION = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")


def said(problem: ClientError) -> tuple[str, str]:
    """Code and message of an answer that is an error."""
    error = problem.response.get("Error", {})
    return str(error.get("Code", "")), str(error.get("Message", ""))


def refusal(problem: ClientError, action: str, also: str = "") -> str | None:
    """Why credentials or permissions do not suffice, and what to do; None when it is something else.

    Args:
        problem: the answer. Where its message names the missing action, that one is told.
        action: what was asked for, as a policy names it.
        also: more that the action may need.
    """
    code, message = said(problem)
    what = f"({code}: {message})"
    if code in _EXPIRED:
        return f"the credentials have expired {what}; renew them, for example with aws sso login"
    if code in _SKEWED:
        return f"this machine's clock is wrong {what}; AWS allows 15 minutes, set it by NTP"
    if code in _NOT_ACCEPTED:
        return f"the credentials are not accepted {what}; check access key, secret key and session token"
    if code in _ELSEWHERE:
        return f"the bucket is in another region {what}; set AWS_DEFAULT_REGION to it"
    if code in _DENIED:
        named = _ACTION.search(message)
        return f"access denied {what}; allow {named[1] if named else action + also}"
    return None
