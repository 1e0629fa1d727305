"""What a line is by its look: the kind of log it belongs to, and names for what is no log of ours."""

import re

from pipeline.ingest.kinds import ACCESS, CONNECTION, HEALTH_CHECK, Kind
from pipeline.ingest.tokens import LineError

_HEALTH_CHECK = re.compile(rb"[a-z0-9]+ \S+Z (?:\d+\.\d+|-) \S+ \S+ (?:PASS|FAIL) ")
_CONNECTION = re.compile(rb"\d{4}-\d\d-\d\dT\S+Z [0-9A-Fa-f:.]+ \d+ \d+ ")

_ACCESS = re.compile(rb"[a-z][a-z0-9_-]* \S+Z app/\S+ \S+ \S+ ")
_SHAPES = (
    (re.compile(rb"Enable (?:\w+ )+for ELB: "), "access log test file"),
    (re.compile(rb"(?:tls|tcp) \d\.\d |net/"), "network load balancer entry"),
    (_HEALTH_CHECK, "health check log entry"),
    (_CONNECTION, "connection log entry"),
    (re.compile(rb"\d{4}-\d\d-\d\dT\S+Z [^ /]+ \S+:\d+ "), "Classic Load Balancer entry"),
    (_ACCESS, "access log entry"),
)
_OWN = {HEALTH_CHECK.name: "health check log entry", CONNECTION.name: "connection log entry"}
_INSTANT = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_NAMELESS = (
    "; a delivery of selected fields, or with another delimiter than blanks, is read as JSON, w3c or "
    "Parquet: they name the fields"
)

_KINDS = ((_HEALTH_CHECK, HEALTH_CHECK), (_CONNECTION, CONNECTION), (_ACCESS, ACCESS))


def kind_of_line(line: bytes) -> Kind | None:
    """The kind of log that a line looks like; None: none of ours."""
    return next((kind for shape, kind in _KINDS if shape.match(line)), None)


def named(line: bytes, problem: LineError, kind: Kind) -> LineError:
    """The problem of a line that is no entry of its kind, with a name where it looks like something else."""
    for shape, name in _SHAPES:
        if shape.match(line):
            own = _OWN.get(kind.name, "access log entry")
            return problem if name == own else LineError(problem.field, f"{name}: {problem.reason}")
    if problem.field is None and _INSTANT.search(line):
        return LineError(None, problem.reason + _NAMELESS)
    return problem
