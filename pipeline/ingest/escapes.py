r"""The load balancer's escapes: bytes of a log line as text, and what the client really sent.

The load balancer writes a quote as ``\x22``, a backslash as ``\x5C`` and every control or non-ASCII
byte as ``\xHH``; ``\x00000022``, ``\"`` and ``\\`` have been seen too. Tables keep the text as logged.
"""

import codecs
import re

_ESCAPE = re.compile(rb"\\(?:x000000([0-9A-Fa-f]{2})|x([0-9A-Fa-f]{2})|([\"\\]))")


def _escape_bytes(problem: UnicodeError) -> tuple[str, int]:
    if not isinstance(problem, UnicodeDecodeError):
        raise problem
    wrong = problem.object[problem.start : problem.end]
    return "".join(f"\\x{byte:02X}" for byte in wrong), problem.end


codecs.register_error("escape_bytes", _escape_bytes)


def text(raw: bytes) -> str:
    r"""Bytes of a log line as text; a byte that is not UTF-8 becomes ``\xHH``."""
    return raw.decode("utf-8", errors="escape_bytes")


def decode(logged: str) -> str:
    r"""What the client sent, from the text that was logged.

    Eight hex digits are taken together only when the first six are zeros. Bytes that are not UTF-8
    after decoding become U+FFFD.
    """

    def plain(match: re.Match[bytes]) -> bytes:
        long, short, literal = match.groups()
        return bytes(literal) if literal else bytes.fromhex((long or short).decode("ascii"))

    return _ESCAPE.sub(plain, logged.encode("utf-8", errors="replace")).decode("utf-8", errors="replace")
