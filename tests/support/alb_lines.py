"""Access-log lines for tests and benchmarks: a renderer of one entry and a generator of many."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

QUOTED = frozenset({12, 13, 17, 18, 19, 22, 23, 24, 25, 26, 27, 28, 30, 31, 32})
"""0-based positions that the load balancer writes in double quotes."""

ELB = "app/shop/50dc6c495c0c9188"
GROUP = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/web-30080/943f017f100becff"
CERTIFICATE = "arn:aws:acm:eu-west-1:111122223333:certificate/12345678-1234-1234-1234-123456789012"
START = datetime(2026, 3, 2, 11, 0, tzinfo=UTC)

_BROWSER = "AppleWebKit/537.36 (KHTML, like Gecko)"
_AGENTS = (
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_BROWSER} Chrome/120.0.0.0 Safari/537.36",
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) {_BROWSER} Mobile/15E148",
    "curl/8.5.0",
    "okhttp/4.12.0",
    "-",
)
_PATHS = (
    "/api/v1/orders",
    "/api/v1/users/profile",
    "/static/app.js",
    "/search",
    "/checkout",
    "/api/v1/cart/items",
)


def instant(moment: datetime) -> str:
    """ISO 8601 with microseconds and Z, as the load balancer writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def escape(text: str) -> str:
    """Escape text as the load balancer does: quote, backslash, control and non-ASCII bytes as \\xHH."""
    return "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02X}" for byte in text.encode()
    )


@dataclass(frozen=True)
class Line:
    """One entry, field by field, as text; ``fields`` says how many of them the layout has."""

    type: str = "https"
    time: datetime = START
    elb: str = ELB
    client: str = "203.0.113.7:40312"
    target: str = "10.0.1.17:30080"
    times: tuple[str, str, str] = ("0.001", "0.012", "0.000")
    elb_status: str = "200"
    target_status: str = "200"
    received: str = "431"
    sent: str = "1204"
    request: str = "GET https://shop.example.com:443/ HTTP/1.1"
    user_agent: str = "curl/8.5.0"
    cipher: str = "TLS_AES_128_GCM_SHA256"
    protocol: str = "TLSv1.3"
    group: str = GROUP
    trace_id: str = "Root=1-69a56f00-36d228ad5d99923122bbe354"
    domain: str = "shop.example.com"
    certificate: str = CERTIFICATE
    priority: str = "0"
    created: datetime | None = None
    actions: str = "forward"
    tail: tuple[str, ...] = field(default=("-", "-", "10.0.1.17:30080", "200", "-", "-"))
    conn_trace_id: str = "TID_3180a73013c8ca4bac2f731159d4b0fe"
    transformed: tuple[str, str, str] = ("-", "-", "-")
    node_ip: str = "198.51.100.4"
    extra: tuple[str, ...] = ("-", "-")
    fields: int = 33

    def values(self) -> list[str]:
        """Unquoted values in log order, cut to the layout."""
        created = self.created or self.time - timedelta(milliseconds=14)
        every = [
            *(self.type, instant(self.time), self.elb, self.client, self.target, *self.times),
            *(self.elb_status, self.target_status, self.received, self.sent, self.request, self.user_agent),
            *(self.cipher, self.protocol, self.group, self.trace_id, self.domain, self.certificate),
            *(self.priority, instant(created.replace(microsecond=created.microsecond // 1000 * 1000))),
            *(self.actions, *self.tail, self.conn_trace_id, *self.transformed, self.node_ip, *self.extra),
        ]
        return every[: self.fields]

    def render(self) -> str:
        """The line as the load balancer writes it, without its line end."""
        return render(self.values())


def render(values: list[str]) -> str:
    """Join values with blanks, quoting the positions that the load balancer quotes."""
    return " ".join(
        f'"{value}"' if place in QUOTED or place > 33 else value for place, value in enumerate(values)
    )


def gateway_error(line: Line, status: int = 502) -> Line:
    """The same request, answered by the load balancer itself."""
    times = ("0.001", "0.003", "-1") if status == 502 else ("-1", "-1", "-1")
    tail = (*line.tail[:3], "-", *line.tail[4:])
    return replace(line, elb_status=str(status), target_status="-", times=times, tail=tail)


@dataclass
class _Connection:
    client: str
    agent: str
    trace: str


def _connection(rng: random.Random) -> _Connection:
    bits = rng.getrandbits(32)
    v6 = rng.random() < 0.02
    address = f"2001:db8:{bits >> 16:x}::{bits & 0xFFFF:x}" if v6 else f"203.0.{bits >> 8 & 127}.{bits & 255}"
    return _Connection(
        f"{address}:{rng.randrange(1024, 65536)}",
        rng.choice(_AGENTS).replace("120", str(rng.randrange(60, 130))),
        f"TID_{rng.getrandbits(128):032x}",
    )


TARGETS = tuple(f"10.0.{n}.{n + 10}:30080" for n in range(1, 9))


def object_lines(
    seed: int,
    lines: int,
    *,
    fields: int = 33,
    start: datetime = START,
    errors: float = 0.0005,
    seconds: int = 300,
    targets: Sequence[str] = TARGETS,
) -> Iterator[str]:
    """Lines of one object: one load balancer node, some seconds, requests shared by client connections.

    About 700 bytes a line; one line in 50 has an IPv6 client; ``errors`` is the share of 502s.
    """
    rng = random.Random(seed)  # noqa: S311 - made-up traffic
    connections = [_connection(rng) for _ in range(60)]
    node = f"198.51.100.{seed % 250 + 1}"
    step = timedelta(seconds=seconds) / max(lines, 1)
    for number in range(lines):
        place = rng.randrange(60)
        if rng.random() < 0.2:
            connections[place] = _connection(rng)
        one = connections[place]
        at = start + (number + rng.random()) * step
        yield _entry(rng, one, rng.choice(targets), at, errors, fields, node)


def _entry(
    rng: random.Random, one: _Connection, target: str, at: datetime, errors: float, fields: int, node: str
) -> str:
    took = rng.randrange(1, 400)
    failed = rng.random() < errors
    status = "502" if failed else rng.choice(("200", "200", "200", "204", "304", "404"))
    target_status = "-" if failed else status
    created = instant(at - timedelta(milliseconds=took + 1))[:-4] + "000Z"
    path = rng.choice(_PATHS)
    query = (
        f"?id={rng.getrandbits(36):x}&session={rng.getrandbits(80):020x}&lang=en-GB&page={rng.randrange(20)}"
    )
    epoch = int(at.timestamp())
    verb, version = rng.choice(("GET", "GET", "POST")), rng.choice(("2.0", "1.1"))
    text = (
        f"https {instant(at)} {ELB} {one.client} {target} 0.00{rng.randrange(3)} "
        f"{took / 1000:.3f} {'-1' if failed else '0.000'} {status} {target_status} "
        f"{rng.randrange(300, 900)} {rng.randrange(200, 20000)} "
        f'"{verb} https://shop.example.com:443{path}{query} HTTP/{version}" '
        f'"{one.agent}" TLS_AES_128_GCM_SHA256 TLSv1.3 {GROUP} '
        f'"Root=1-{epoch:08x}-{rng.getrandbits(96):024x}"'
    )
    rest = (
        '"shop.example.com"',
        f'"{CERTIFICATE}"',
        "0",
        created,
        '"forward"',
        '"-"',
        '"-"',
        f'"{target}"',
        f'"{target_status}"',
        '"-"',
        '"-"',
        one.trace,
        '"-"',
        '"-"',
        '"-"',
        node,
        '"-"',
        '"-"',
    )
    return " ".join((text, *rest[: fields - 18]))


def object_name(seed: int, end: datetime, *, name: str = "shop") -> str:
    """Base name of an object as the load balancer writes it; ``end`` is the end of its interval."""
    node = f"198.51.100.{seed % 250 + 1}"
    return (
        f"111122223333_elasticloadbalancing_eu-west-1_app.{name}.50dc6c495c0c9188_"
        f"{end:%Y%m%dT%H%MZ}_{node}_{seed:08x}.log.gz"
    )


def object_key(seed: int, end: datetime, *, name: str = "shop") -> str:
    """Full key below a bucket's prefix."""
    folder = f"AWSLogs/111122223333/elasticloadbalancing/eu-west-1/{end:%Y/%m/%d}"
    return f"{folder}/{object_name(seed, end, name=name)}"
