"""The request field: verb, URL and protocol of one request line."""

from typing import NamedTuple


class RequestLine(NamedTuple):
    """The three parts; ``whole`` is the field's text where the parts do not give it back."""

    verb: str | None
    url: str | None
    proto: str | None
    whole: str | None


def split(text: str) -> RequestLine:
    """Split at the first and the last blank.

    A blank after the protocol is dropped first. ``- http://host:80- `` has an empty protocol;
    ``GET /`` has none.
    """
    stripped = text.rstrip(" ")
    if stripped.rpartition(" ")[2].startswith(("HTTP/", "-")) and stripped.count(" ") > 1:
        verb, _, rest = stripped.partition(" ")
        url, _, proto = rest.rpartition(" ")
        return RequestLine(verb, url, proto, None if stripped == text else text)
    verb, blank, rest = text.partition(" ")
    if not blank:
        return RequestLine(text, None, None, text)
    url, blank, proto = rest.rpartition(" ")
    if not blank:
        return RequestLine(verb, rest, None, text)
    return RequestLine(verb, url, proto, None)
