"""AWS's wire protocols, from botocore's own service models: calls read, answers written.

The query, ec2, json and rpc-v2-cbor protocols are read and written by walking the shapes of an operation.
"""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import botocore.session
from botocore.parsers import RpcV2CBORParser
from botocore.serialize import CBORSerializer

from pipeline.timeline.instants import read_instant
from tests.support.aws_dumps import Json

SERVICES = ("autoscaling", "ec2", "elbv2", "cloudtrail", "cloudwatch")


@dataclass(frozen=True)
class Call:
    """One call, read.

    Attributes:
        service: as boto3 names it.
        model: of the operation.
        parameters: as the caller gave them.
        protocol: query, ec2, json or cbor.
    """

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


class Models:
    """The service models: which operation is asked, with which parameters."""

    def __init__(self) -> None:
        session = botocore.session.Session()
        self.models = {name: session.get_service_model(name) for name in SERVICES}

    def read(self, path: str, target: str, body: bytes) -> Call:
        if target:
            prefix, _, operation = target.rpartition(".")
            name = next(
                name for name, model in self.models.items() if model.metadata.get("targetPrefix") == prefix
            )
            return Call(name, self.models[name].operation_model(operation), json.loads(body), "json")
        if path.startswith("/service/"):
            parser = RpcV2CBORParser()
            stream = parser.get_peekable_stream_from_bytes(body)
            model = self.models["cloudwatch"].operation_model(path.rsplit("/", 1)[-1])
            return Call("cloudwatch", model, parser.parse_data_item(stream), "cbor")
        flat = {name: values[0] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
        name = next(
            name for name, model in self.models.items() if model.metadata["apiVersion"] == flat["Version"]
        )
        model = self.models[name].operation_model(flat["Action"])
        protocol = str(self.models[name].metadata["protocol"])
        return Call(name, model, _unflattened(model.input_shape, flat, "", protocol) or {}, protocol)


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


def written(call: Call, answer: Json) -> bytes:
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


def error(call: Call, code: str, words: str) -> bytes:
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
