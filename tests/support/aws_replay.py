"""A loopback server that answers AWS calls out of a folder of dumps, as the service models say.

Unmodified boto3 talks to it. Lists are filtered and paged as the services do it; faults can be put in.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.aws_dumps import Dumps, Json
from tests.support.aws_protocols import Call, Models, error, written
from tests.support.loopback import serving

_ENDPOINTS = ("AUTO_SCALING", "EC2", "ELASTIC_LOAD_BALANCING_V2", "CLOUDTRAIL", "CLOUDWATCH")
_SIGNED = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/")
_EMPTY_TOKEN = "empty-"  # noqa: S105 - a page's token


@dataclass
class Trouble:
    """What goes wrong, for whom, how often.

    Attributes:
        kind: an AWS error code, or ``reset``, ``garbage``, ``loop``, ``empty``.
        operation: which one; None: all.
        times: how often; None: always.
        status: HTTP status of an error code.
        after: answers well this often first.
        region: only there; None: everywhere.
    """

    kind: str
    operation: str | None = None
    times: int | None = None
    status: int = 400
    after: int = 0
    region: str | None = None

    def strikes(self, operation: str, region: str) -> bool:
        """Whether it hits this call; counts."""
        if self.region not in {None, region}:
            return False
        if self.operation not in {None, operation} or self.times == 0:
            return False
        if self.after:
            self.after -= 1
            return False
        self.times = None if self.times is None else self.times - 1
        return True


@dataclass(frozen=True)
class Asked:
    """One call: operation as IAM names it, its parameters; the region and access key of its signature."""

    action: str
    parameters: Json
    region: str = ""
    access_key: str = ""


@dataclass
class Replay:
    """A running server.

    Attributes:
        endpoint: its address.
        dumps: what it answers from.
        others: what it answers from in another region, or to another access key.
        troubles: what goes wrong.
        asked: calls so far.
        page: rows of a page at most, beside what is asked for.
    """

    endpoint: str
    dumps: Dumps
    others: dict[str, Dumps] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    page: int = 1000

    def environment(self) -> dict[str, str]:
        """Variables that point the ordinary AWS chain at the server; S3 is left alone.

        Here nobody limits lookups in the event history; the pace that AWS needs is tested on its own.
        """
        return {
            **{f"AWS_ENDPOINT_URL_{name}": self.endpoint for name in _ENDPOINTS},
            "AWS_ACCESS_KEY_ID": "replay",
            "AWS_SECRET_ACCESS_KEY": "replay",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "FORENSICS_LOOKUPS_PER_SECOND": "1000",
        }


@contextmanager
def replay(*folders: Path) -> Iterator[Replay]:
    """Serve the folders' dumps on a free port of loopback until the block ends."""
    models = Models()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            call = models.read(self.path, self.headers.get("X-Amz-Target", ""), body)
            signed = _SIGNED.search(self.headers.get("Authorization", ""))
            key, region = signed.groups() if signed else ("", "")
            running.asked.append(Asked(call.action, call.parameters, region, key))
            dumps = running.others.get(key) or running.others.get(region) or running.dumps
            trouble = next((one for one in running.troubles if one.strikes(call.operation, region)), None)
            if trouble is not None and trouble.kind == "reset":
                self.close_connection = True
                self.connection.close()
                return
            status, answer = _answer(dumps, call, trouble, running.page)
            self.send_response(status)
            self.send_header("Content-Type", call.content_type)
            if call.protocol == "cbor":
                self.send_header("smithy-protocol", "rpc-v2-cbor")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def handle(self) -> None:
            try:
                super().handle()
            except (ValueError, OSError):
                """The connection was reset on purpose."""

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server has
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    running = Replay(f"http://127.0.0.1:{server.server_port}", Dumps.read(*folders))
    with serving(server):
        yield running


def _answer(dumps: Dumps, call: Call, trouble: Trouble | None, page: int) -> tuple[int, bytes]:
    if trouble is not None and trouble.kind == "garbage":
        return 200, b"<html>a proxy speaks</html>"
    if trouble is not None and trouble.kind not in {"loop", "empty"}:
        return trouble.status, error(call, trouble.kind, "by order of the test")
    rows = dumps.rows(call.operation, call.parameters)
    if isinstance(rows, str):
        return 400, error(call, rows, "no such resource")
    return 200, written(call, _paged(call, rows, page, trouble))


def _paged(call: Call, rows: Json, page: int, trouble: Trouble | None) -> Json:
    """The part of the answer's list that the token asks for, and the next token."""
    key = next((name for name, value in rows.items() if isinstance(value, list)), None)
    members = call.model.input_shape.members
    token_in = "Marker" if "Marker" in members else "NextToken"
    if key is None or token_in not in members:
        return rows
    token = str(call.parameters.get(token_in, ""))
    first = int(token.rsplit("-", 1)[-1]) if token else 0
    sizes = (call.parameters.get(name) for name in ("MaxRecords", "MaxResults", "PageSize"))
    size = min(page, next((int(one) for one in sizes if one), page))
    answer = {**rows, key: rows[key][first : first + size]}
    following = f"at-{first + size}" if first + size < len(rows[key]) else None
    if trouble is not None and trouble.kind == "empty" and not token.startswith(_EMPTY_TOKEN):
        answer, following = {**rows, key: []}, f"{_EMPTY_TOKEN}{first}"
    if trouble is not None and trouble.kind == "loop":
        following = "again-0"
    return answer | ({f"Next{token_in.removeprefix('Next')}": following} if following else {})
