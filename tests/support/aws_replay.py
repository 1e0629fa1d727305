"""A loopback server that answers AWS calls out of a folder of dumps, as the service models say.

Unmodified boto3 talks to it: the query, ec2, json and rpc-v2-cbor protocols are read and written by
walking botocore's own shapes. Lists are filtered and paged as the services do it; faults can be put in.
"""

import io
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import botocore.session
from botocore.parsers import RpcV2CBORParser
from botocore.serialize import CBORSerializer

from pipeline.timeline.instants import read_instant
from tests.support.aws_dumps import Dumps, Json

SERVICES = ("autoscaling", "ec2", "elbv2", "cloudtrail", "cloudwatch")
_ENDPOINTS = ("AUTO_SCALING", "EC2", "ELASTIC_LOAD_BALANCING_V2", "CLOUDTRAIL", "CLOUDWATCH")
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
    """

    kind: str
    operation: str | None = None
    times: int | None = None
    status: int = 400
    after: int = 0

    def strikes(self, operation: str) -> bool:
        """Whether it hits this call; counts."""
        if self.operation not in {None, operation} or self.times == 0:
            return False
        if self.after:
            self.after -= 1
            return False
        self.times = None if self.times is None else self.times - 1
        return True


@dataclass(frozen=True)
class Asked:
    """One call: operation as IAM names it, and its parameters."""

    action: str
    parameters: Json


@dataclass
class Replay:
    """A running server.

    Attributes:
        endpoint: its address.
        dumps: what it answers from.
        troubles: what goes wrong.
        asked: calls so far.
        page: rows of a page at most, beside what is asked for.
    """

    endpoint: str
    dumps: Dumps
    troubles: list[Trouble] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    page: int = 1000

    def environment(self) -> dict[str, str]:
        """Variables that point the ordinary AWS chain at the server; S3 is left alone."""
        return {
            **{f"AWS_ENDPOINT_URL_{name}": self.endpoint for name in _ENDPOINTS},
            "AWS_ACCESS_KEY_ID": "replay",
            "AWS_SECRET_ACCESS_KEY": "replay",
            "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@contextmanager
def replay(*folders: Path) -> Iterator[Replay]:
    """Serve the folders' dumps on a free port of loopback until the block ends."""
    models = _Models()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            call = models.read(self.path, self.headers.get("X-Amz-Target", ""), body)
            running.asked.append(Asked(call.action, call.parameters))
            trouble = next((one for one in running.troubles if one.strikes(call.operation)), None)
            if trouble is not None and trouble.kind == "reset":
                self.close_connection = True
                self.connection.close()
                return
            status, answer = _answer(running, call, trouble)
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

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        running = Replay(f"http://127.0.0.1:{server.server_port}", Dumps.read(*folders))
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield running
        finally:
            server.shutdown()
            thread.join()


@dataclass(frozen=True)
class _Call:
    service: str
    model: Any
    parameters: Json
    protocol: str

    @property
    def operation(self) -> str:
        return str(self.model.name)

    @property
    def action(self) -> str:
        return f"{'elasticloadbalancing' if self.service == 'elbv2' else self.service}:{self.operation}"

    @property
    def content_type(self) -> str:
        types = {"json": "application/x-amz-json-1.1", "cbor": "application/cbor"}
        return types.get(self.protocol, "text/xml")


def _answer(running: Replay, call: _Call, trouble: Trouble | None) -> tuple[int, bytes]:
    if trouble is not None and trouble.kind == "garbage":
        return 200, b"<html>a proxy speaks</html>"
    if trouble is not None and trouble.kind not in {"loop", "empty"}:
        return trouble.status, _error(call, trouble.kind, "by order of the test")
    rows = running.dumps.rows(call.operation, call.parameters)
    if isinstance(rows, str):
        return 400, _error(call, rows, "no such resource")
    return 200, _written(call, _paged(call, rows, running.page, trouble))


def _paged(call: _Call, rows: Json, page: int, trouble: Trouble | None) -> Json:
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


class _Models:
    """The service models: which operation is asked, with which parameters."""

    def __init__(self) -> None:
        session = botocore.session.Session()
        self.models = {name: session.get_service_model(name) for name in SERVICES}

    def read(self, path: str, target: str, body: bytes) -> _Call:
        if target:
            prefix, _, operation = target.rpartition(".")
            name = next(
                name for name, model in self.models.items() if model.metadata.get("targetPrefix") == prefix
            )
            return _Call(name, self.models[name].operation_model(operation), json.loads(body), "json")
        if path.startswith("/service/"):
            parser = RpcV2CBORParser()
            stream = parser.get_peekable_stream_from_bytes(body)
            model = self.models["cloudwatch"].operation_model(path.rsplit("/", 1)[-1])
            return _Call("cloudwatch", model, parser.parse_data_item(stream), "cbor")
        flat = {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
        name = next(
            name for name, model in self.models.items() if model.metadata["apiVersion"] == flat["Version"]
        )
        model = self.models[name].operation_model(flat["Action"])
        protocol = str(self.models[name].metadata["protocol"])
        return _Call(name, model, _unflattened(model.input_shape, flat, "", protocol) or {}, protocol)


def _unflattened(shape: Any, flat: dict[str, str], prefix: str, protocol: str) -> Any:  # noqa: ANN401 - JSON
    """Parameters out of ``Filters.member.1.Values.member.1=x`` (query) or ``Filter.1.Value.1=x`` (ec2)."""
    if shape.type_name == "structure":
        found = {
            name: _unflattened(member, flat, _joined(prefix, _key(name, member, protocol)), protocol)
            for name, member in shape.members.items()
        }
        return {name: value for name, value in found.items() if value is not None} or None
    if shape.type_name == "list":
        inner = prefix if protocol == "ec2" or shape.serialization.get("flattened") else f"{prefix}.member"
        values: list[Any] = []
        while (value := _unflattened(shape.member, flat, f"{inner}.{len(values) + 1}", protocol)) is not None:
            values.append(value)
        return values or None
    value = flat.get(prefix)
    if value is not None and shape.type_name in {"integer", "long"}:
        return int(value)
    return value == "true" if value is not None and shape.type_name == "boolean" else value


def _joined(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name


def _key(name: str, member: Any, protocol: str) -> str:  # noqa: ANN401 - botocore's shapes have no types
    if protocol != "ec2":
        return str(member.serialization.get("name", name))
    location = str(member.serialization.get("name", name))
    return str(member.serialization.get("queryName") or location[0].upper() + location[1:])


def _written(call: _Call, answer: Json) -> bytes:
    shape = call.model.output_shape
    if call.protocol == "json":
        return json.dumps(_plain(shape, answer)).encode()
    if call.protocol == "cbor":
        into = bytearray()
        serializer: Any = CBORSerializer()  # its stubs leave the one method out
        serializer._serialize_data_item(into, _timed(shape, answer), shape)
        return bytes(into)
    inner = "".join(_xml(shape, answer, ""))
    if call.protocol == "ec2":
        return f"<{call.operation}Response>{inner}</{call.operation}Response>".encode()
    wrapper = shape.serialization["resultWrapper"]
    return f"<{call.operation}Response><{wrapper}>{inner}</{wrapper}></{call.operation}Response>".encode()


def _xml(shape: Any, value: Any, tag: str) -> Iterator[str]:  # noqa: ANN401 - botocore's shapes, JSON
    if shape.type_name == "structure":
        inner = "".join(
            part
            for name, member in shape.members.items()
            if value.get(name) is not None
            for part in _xml(member, value[name], str(member.serialization.get("name", name)))
        )
    elif shape.type_name == "list":
        name = str(shape.member.serialization.get("name", "member"))
        inner = "".join(part for one in value for part in _xml(shape.member, one, name))
    elif shape.type_name == "timestamp":
        inner = read_instant(value).isoformat().replace("+00:00", "Z")
    elif shape.type_name == "boolean":
        inner = str(value).lower()
    else:
        inner = escape(str(value))
    yield f"<{tag}>{inner}</{tag}>" if tag else inner


def _changed(shape: Any, value: Any, of_time: Callable[[datetime], object]) -> Any:  # noqa: ANN401 - as above
    """A value with only the members that the shape has, its times converted."""
    if shape.type_name == "structure":
        return {
            name: _changed(member, value[name], of_time)
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if shape.type_name == "list":
        return [_changed(shape.member, one, of_time) for one in value]
    return of_time(read_instant(value)) if shape.type_name == "timestamp" else value


def _plain(shape: Any, value: Any) -> Any:  # noqa: ANN401 - as above
    return _changed(shape, value, lambda at: at.timestamp())


def _timed(shape: Any, value: Any) -> Any:  # noqa: ANN401 - as above
    return _changed(shape, value, lambda at: at.astimezone(UTC))


def _error(call: _Call, code: str, words: str) -> bytes:
    if call.protocol == "json":
        return json.dumps({"__type": code, "message": words}).encode()
    if call.protocol == "cbor":
        return _cbor_error(code, words)
    if call.protocol == "ec2":
        inner = f"<Errors><Error><Code>{code}</Code><Message>{words}</Message></Error></Errors>"
        return f"<Response>{inner}<RequestID>r-1</RequestID></Response>".encode()
    inner = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{words}</Message></Error>"
    return f"<ErrorResponse>{inner}<RequestId>r-1</RequestId></ErrorResponse>".encode()


def _cbor_error(code: str, words: str) -> bytes:
    """A map of two texts, by hand: it has no shape in the model."""
    out = io.BytesIO(b"")
    out.write(bytes([0xA2]))
    for text in ("__type", code, "message", words):
        encoded = text.encode()
        out.write(bytes([0x78, len(encoded)]) + encoded)
    return out.getvalue()
