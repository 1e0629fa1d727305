"""A webhook of anyone's: one POST of JSON, signed where a secret is agreed on.

The signature is GitHub's scheme: ``X-Forensics-Signature-256: sha256=`` and the hexadecimal HMAC of the
body. ``Idempotency-Key`` is that of the notice: a receiver that has it already may ignore the rest.
"""

import hmac
import json
from hashlib import sha256
from urllib.parse import urlsplit

import urllib3

from pipeline import __version__
from pipeline.notify import faults
from pipeline.notify.notice import Notice, document

TIMEOUT_S = 15.0
SIGNATURE = "X-Forensics-Signature-256"
_OK = range(200, 300)


def send(notice: Notice, url: str, secret: str | None) -> None:
    """Post the notice; a redirection is not followed.

    Raises:
        DeliveryError: it did not arrive; says nothing of the address.
    """
    body = json.dumps(document(notice), ensure_ascii=True, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"forensics/{__version__}",
        "Idempotency-Key": notice.key,
    }
    if secret is not None:
        headers[SIGNATURE] = signature(body, secret)
    try:
        with urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(TIMEOUT_S)) as pool:
            answer = pool.request("POST", url, body=body, headers=headers, redirect=False)
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as problem:
        raise faults.because("webhook", problem) from None
    if answer.status not in _OK:
        words = answer.data.decode("utf-8", "replace")
        raise faults.refused("webhook", answer.status, words, (url, urlsplit(url).path, secret or url))


def signature(body: bytes, secret: str) -> str:
    """What the header of a body holds."""
    return "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()
