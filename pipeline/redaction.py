"""How little of a person a store keeps: addresses, names and programs of those who asked.

A store is redacted in one way or not at all, from its first line on (`ingest.lake` remembers the way).
`ingest.redact` applies it to rows and `timeline.redact` to what AWS and Kubernetes tell, before anything is
written. Every rule here gives the same for what it gave: redacting twice is redacting once.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Literal

Mode = Literal["truncate", "hash"]
"""What becomes of addresses and names: cut (203.0.113.0, 2001:db8:1::) or a code that the key decides."""

SHORTEST_KEY = 16
"""Bytes: all IPv4 addresses can be tried within the hour, so everything rests on the key."""

REDACTED = "redacted"
"""Stands for what cannot be cut to a harmless part."""

_CODE = re.compile(r"h-[0-9a-f]{16}")
_KEPT_OF_IPV4, _KEPT_OF_IPV6 = 3, 6
"""Bytes: /24 and /48, a network of many households and one customer's network."""
_MAPPED, _SIX_TO_FOUR = bytes(10) + b"\xff\xff", b"\x20\x02"
_KEPT_OF_SIX_TO_FOUR = 5
"""2002::/16 carries an IPv4 address in the next four bytes; its last one has to go too."""

_FAMILIES = (
    ("elb-healthchecker/", "ELB-HealthChecker"),
    ("kube-probe/", "kube-probe"),
    (".amazonaws.com", "AWS service"),
    ("aws-cli/", "aws-cli"),
    ("boto3/", "Boto3"),
    ("aws-sdk", "AWS SDK"),
    ("terraform", "Terraform"),
    ("kubectl/", "kubectl"),
    ("kubelet/", "kubelet"),
    ("bot", "bot"),
    ("crawl", "bot"),
    ("spider", "bot"),
    ("edg/", "Edge"),
    ("edge/", "Edge"),
    ("opr/", "Opera"),
    ("samsungbrowser/", "Samsung Internet"),
    ("firefox/", "Firefox"),
    ("fxios/", "Firefox"),
    ("chrome/", "Chrome"),
    ("crios/", "Chrome"),
    ("safari/", "Safari"),
    ("msie ", "Internet Explorer"),
    ("trident/", "Internet Explorer"),
    ("curl/", "curl"),
    ("wget/", "Wget"),
    ("python", "Python"),
    ("aiohttp/", "Python"),
    ("okhttp/", "okhttp"),
    ("go-http-client/", "Go-http-client"),
    ("apache-httpclient/", "Apache-HttpClient"),
    ("java/", "Java"),
    ("axios/", "axios"),
    ("node", "Node.js"),
    ("undici", "Node.js"),
    ("dart/", "Dart"),
    ("postmanruntime/", "Postman"),
    ("grpc-", "gRPC"),
    ("dalvik/", "Android app"),
    ("cfnetwork/", "Apple app"),
    ("applewebkit/", "WebKit"),
    ("mozilla/", "Mozilla"),
)
"""What a user agent holds, and the family that it then is of; the first that fits counts.

A closed list: a library's families take words out of the header, which the client has written.
"""
_OTHER_FAMILY = "other"
_FAMILY_NAMES = frozenset({name for _, name in _FAMILIES} | {_OTHER_FAMILY})


@dataclass(frozen=True)
class Redaction:
    """One way to redact.

    Attributes:
        mode: what becomes of addresses and names.
        secret: decides the codes of mode ``hash``; not needed for ``truncate``.
    """

    mode: Mode
    secret: bytes = field(default=b"", repr=False)

    @property
    def key_check(self) -> str | None:
        """Tells whether two keys are the same without telling either; None where none is used."""
        return self._code(b"check", b"") if self.mode == "hash" else None

    def address(self, text: str) -> str:
        """A client's address, cut or coded; what is none becomes a code or the word ``redacted``."""
        if _CODE.fullmatch(text):
            return text
        packed = _packed(text)
        if packed is None:
            return self.name(text) or REDACTED
        return self._code(b"address", packed) if self.mode == "hash" else _cut(packed)

    def name(self, text: str) -> str | None:
        """A name or number of a person: a code, or None where all is cut, as no part is harmless."""
        if self.mode == "truncate":
            return None
        return text if _CODE.fullmatch(text) else self._code(b"name", text.encode(errors="replace"))

    def _code(self, what: bytes, value: bytes) -> str:
        """16 hexadecimal digits: two of a million clients share one with a chance of 1 in 37 million."""
        return "h-" + blake2b(value, digest_size=8, key=self._key, person=what).hexdigest()

    @cached_property
    def _key(self) -> bytes:
        """The secret, whatever its length, as the key that blake2b takes."""
        return blake2b(self.secret).digest()


def family(user_agent: str) -> str:
    """The family of a user agent: a browser, a library, ``bot`` or ``other``, never a word of its own."""
    if user_agent in _FAMILY_NAMES:
        return user_agent
    lower = user_agent.lower()
    return next((name for mark, name in _FAMILIES if mark in lower), _OTHER_FAMILY)


def each(values: list[str | None], how: Callable[[str], str | None]) -> list[str | None]:
    """A rule for every value that is there."""
    return [None if value is None else how(value) for value in values]


def _packed(text: str) -> bytes | None:
    """Bytes of an address; an IPv4 address in IPv6 clothes counts as what it is."""
    try:
        packed = inet_pton(AF_INET6 if ":" in text else AF_INET, text)
    except (OSError, ValueError):
        return None
    return packed.removeprefix(_MAPPED)


def _cut(packed: bytes) -> str:
    if len(packed) == 4:  # noqa: PLR2004 - IPv4
        return inet_ntop(AF_INET, packed[:_KEPT_OF_IPV4].ljust(4, b"\0"))
    kept = _KEPT_OF_SIX_TO_FOUR if packed.startswith(_SIX_TO_FOUR) else _KEPT_OF_IPV6
    return inet_ntop(AF_INET6, packed[:kept].ljust(16, b"\0"))
