"""What AWS and Kubernetes tell, without the people in it: who called, from where, with which program.

Applied to every page before it is written and to every document before it is parsed, so that a dump and a
live collection tell the same events. What happened, to what and when, stays; so do services, roles,
instances and service accounts, which are nobody.
"""

import gzip
import json
import re
import zlib
from collections.abc import Callable
from typing import Any

from pipeline.redaction import REDACTED, Redaction, family
from pipeline.timeline.kubernetes_redact import lean

MOST_BYTES = 256 << 20
"""Inflated bytes of one packed file; a trail's files are far smaller."""

_ARN = re.compile(
    r"(arn:aws[a-z-]*:(?:iam|sts)::\d*:(?:user|federated-user|assumed-role/(?!AWSServiceRoleFor)[^/\s\"']+))"
    r"/([^\s\"',;)]+)"
)
"""A user, or the session of a role; those of AWS's own service roles are named after the service."""
_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")
_MAIL = re.compile(r"[\w.%+'-]+@(?:[\w-]+\.)+[A-Za-z]{2,}\b")
_NO_PERSON = "system:"
"""Users of Kubernetes itself, nodes and service accounts: ``system:serviceaccount:kube-system:…``."""

_OF_IDENTITY = frozenset({"type", "invokedBy", "accountId", "arn"})
_DROPPED = frozenset(
    {"accessKeyId", "AccessKeyId", "keyName", "KeyName", "principalId", "sessionContext", "tlsDetails"}
)
_JSON_TEXTS = frozenset({"CloudTrailEvent", "message"})
"""Strings that may hold a record as JSON: a page of the event history, of CloudWatch Logs."""


class Scrubber:
    """One way to redact, for JSON of any shape."""

    def __init__(self, redaction: Redaction) -> None:
        """Take a way."""
        self._redaction = redaction
        self._by_key: dict[str, Callable[[Any], Any]] = {
            "userIdentity": self._identity,
            "sourceIPAddress": self._source,
            "sourceIPs": lambda found: [self._source(one) for one in found] if _is_list(found) else None,
            "userAgent": lambda found: family(found) if isinstance(found, str) else None,
            "Username": self._person,
            "userName": self._person,
            "username": self._person,
        }

    def scrubbed(self, value: Any) -> Any:  # noqa: ANN401 - any JSON
        """A copy of a JSON value without the people in it."""
        if isinstance(value, dict):
            return self._mapping(value)
        if isinstance(value, list):
            return [self.scrubbed(one) for one in value]
        return self.text(value) if isinstance(value, str) else value

    def text(self, text: str) -> str:
        """Free text without e-mail addresses and names in ARNs."""
        if "arn:aws" in text:
            text = _ARN.sub(lambda found: f"{found[1]}/{self._session(found[2])}", text)
        return _MAIL.sub(lambda found: self._code(found[0]), text) if "@" in text else text

    def packed(self, content: bytes) -> bytes | None:
        """A gzip file of JSON, scrubbed; None when it is damaged: what cannot be read cannot be redacted."""
        inflater = zlib.decompressobj(wbits=31)
        try:
            plain = inflater.decompress(content, MOST_BYTES)
            is_whole = inflater.eof and not inflater.unused_data
            value = json.loads(plain) if is_whole else None
        except (zlib.error, ValueError, RecursionError):
            return None
        return None if value is None else gzip.compress(json.dumps(self.scrubbed(value)).encode(), mtime=0)

    def _mapping(self, value: dict[str, Any]) -> dict[str, Any]:
        if str(value.get("apiVersion")).startswith("audit.k8s.io/"):
            value = _audit(value)
        return {key: self._member(key, inner) for key, inner in value.items() if key not in _DROPPED}

    def _member(self, key: str, value: Any) -> Any:  # noqa: ANN401 - any JSON
        how = self._by_key.get(key)
        if how is not None:
            return how(value)
        if key in _JSON_TEXTS and isinstance(value, str) and value.lstrip().startswith("{"):
            return self._json(value)
        return self.scrubbed(value)

    def _json(self, text: str) -> str:
        """JSON in a string; where it is cut short nothing stays, and its reader reports that."""
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return ""
        return json.dumps(self.scrubbed(value), separators=(",", ":"))

    def _identity(self, value: Any) -> Any:  # noqa: ANN401 - any JSON
        if not isinstance(value, dict):
            return None
        return {key: self.scrubbed(inner) for key, inner in value.items() if key in _OF_IDENTITY}

    def _source(self, value: Any) -> str | None:  # noqa: ANN401 - any JSON
        """A caller's address; AWS's own services stand there by name."""
        if not isinstance(value, str):
            return None
        is_service = value.endswith(".amazonaws.com") or value == "AWS Internal"
        return value if is_service else self._redaction.address(value)

    def _person(self, value: Any) -> str | None:  # noqa: ANN401 - any JSON
        if not isinstance(value, str):
            return None
        return value if value.startswith(_NO_PERSON) or _INSTANCE.fullmatch(value) else self._code(value)

    def _session(self, name: str) -> str:
        return name if _INSTANCE.fullmatch(name) else self._code(name)

    def _code(self, name: str) -> str:
        return name if name == REDACTED else self._redaction.name(name) or REDACTED


def _audit(value: dict[str, Any]) -> dict[str, Any]:
    """An audit event without what only tells of its caller, and without what its objects keep secret."""
    kept = {key: inner for key, inner in value.items() if key not in {"annotations", "requestURI"}}
    for key in ("user", "impersonatedUser"):
        if isinstance(kept.get(key), dict):
            kept[key] = {"username": kept[key].get("username")}
    for key in ("requestObject", "responseObject"):
        if isinstance(kept.get(key), dict):
            kept[key] = lean(kept[key])
    return kept


def _is_list(value: object) -> bool:
    return isinstance(value, list)
