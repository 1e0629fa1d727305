"""Why something did not arrive, in words that hold no address: a webhook's address is a secret."""

import socket

from pipeline.errors import DeliveryError

_NEVER_CONNECTED = (ConnectionRefusedError, socket.gaierror)
_MOST_WORDS = 200


def because(channel: str, problem: Exception) -> DeliveryError:
    """The error to raise for one of a library.

    Only the system's own words are taken over; libraries put addresses into theirs.
    """
    inner: object = problem
    while not isinstance(inner, OSError) or inner.strerror is None:
        following = getattr(inner, "reason", None) or getattr(inner, "__cause__", None)
        if following is None or following is inner:
            told = f"{channel}: cannot be sent: {type(problem).__name__}; check its address"
            return DeliveryError(told, may_have_arrived=True)
        inner = following
    return DeliveryError(
        f"{channel}: cannot be sent: {inner.strerror}; check its address and the network",
        may_have_arrived=not isinstance(inner, _NEVER_CONNECTED),
    )


def refused(channel: str, status: int, words: str, secrets: tuple[str, ...] = ()) -> DeliveryError:
    """The error to raise for an answer that says no; ``words`` are the server's."""
    said = "".join(char if char.isprintable() else " " for char in words[:_MOST_WORDS])
    for secret in secrets:
        said = said.replace(secret, "***")
    return DeliveryError(f"{channel}: refused with {status}" + (f" ({said.strip()})" if said.strip() else ""))
