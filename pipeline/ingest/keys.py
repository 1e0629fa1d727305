"""What an object's key says: kind of log, load balancer, interval, node."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from pipeline.model import Window

_NAMED = re.compile(
    r"^(?:(?:conn_log|health_check_log)[._])?\d{12}_elasticloadbalancing_[a-z0-9-]+_app\.(?P<name>[^._]+)\.(?P<id>[^._]+)"
    r"_(?P<end>\d{8}T\d{4}Z)_(?P<ip>[0-9A-Fa-f.:]+)_[^_]+\.log(\.gz)?$"
)
_START = re.compile(
    r"^(?:(?P<kind>conn_log|health_check_log)[._])?\d{12}_elasticloadbalancing_[a-z0-9-]+_app\."
)
_CLASSIC = re.compile(r"^\d{12}_elasticloadbalancing_[a-z0-9-]+_[^_]")
_OTHER_SERVICE = re.compile(r"(?:^|/)AWSLogs/(?:[^/]+/)?\d{12}/(?!elasticloadbalancing/)[^/]+/")
_PERHAPS = (".json", ".json.gz", ".jsonl", ".jsonl.gz", ".parquet", ".gz", ".log")
_ABOUT_LOAD_BALANCERS = re.compile(r"elasticloadbalancing|load-?balanc|(?<![a-z])alb(?![a-z])", re.IGNORECASE)
_DAY_FOLDER = re.compile(r"/elasticloadbalancing/[a-z0-9-]+/(\d{4})/(?:(\d\d)/)?(?:(\d\d)/)?$")

LATENESS = timedelta(hours=1)
"""An object's interval may miss a row's time by this much and is still looked into."""

ACCESS_LOG, CONNECTION_LOG, HEALTH_CHECK_LOG = "access_log", "connection_log", "health_check_log"
INGESTED = (ACCESS_LOG, CONNECTION_LOG, HEALTH_CHECK_LOG)
_KINDS = {None: ACCESS_LOG, "conn_log": CONNECTION_LOG, "health_check_log": HEALTH_CHECK_LOG}


@dataclass(frozen=True)
class LogKey:
    """The parts of an object's base name, whichever of the three kinds it is."""

    load_balancer: str
    """Resource id, app/name/id."""
    end: datetime
    """End of the five-minute interval."""
    node_ip: str | None


def base_name(key: str) -> str:
    """Last part of a key."""
    return key.rpartition("/")[2]


def kind(key: str) -> str:
    """What a key names: access_log, test_file, connection_log, health_check_log, nlb, classic or other."""
    name = base_name(key)
    if name.endswith("TestFile"):
        return "test_file"
    if found := _START.match(name):
        return _KINDS[found["kind"]]
    if not _CLASSIC.match(name):
        return "other"
    return "nlb" if "_net." in name else "classic"


def may_be_delivered(key: str, *, is_remote: bool) -> bool:
    """Can an object of an unknown name be a log that CloudWatch has delivered? Its content decides.

    AWS does not document the names of that delivery. Objects of other services are left out; in a bucket,
    where looking costs a download, the key must speak of load balancers.
    """
    if not key.endswith(_PERHAPS) or _OTHER_SERVICE.search(key):
        return False
    return not is_remote or _ABOUT_LOAD_BALANCERS.search(key) is not None


def parse(key: str) -> LogKey | None:
    """Parts of a log's key; None when it carries none."""
    found = _NAMED.match(base_name(key))
    if found is None:
        return None
    try:
        end = datetime.strptime(found["end"], "%Y%m%dT%H%MZ").replace(tzinfo=UTC)
    except ValueError:
        return None
    return LogKey(f"app/{found['name']}/{found['id']}", end, _address(found["ip"]))


def _address(written: str) -> str | None:
    """An address without the zeros that pad its octets."""
    plain = ".".join(octet.lstrip("0") or "0" for octet in written.split(".")) if "." in written else written
    try:
        return str(ip_address(plain))
    except ValueError:
        return None


def overlaps(key: LogKey, window: Window) -> bool:
    """Can the object hold rows of the window?"""
    if window.since is not None and key.end < window.since - LATENESS:
        return False
    return window.until is None or key.end <= window.until + LATENESS


def folder_overlaps(prefix: str, window: Window) -> bool:
    """Can ``elasticloadbalancing/<region>/yyyy[/mm[/dd]]/`` hold rows of the window, give or take a day?"""
    found = _DAY_FOLDER.search(prefix)
    if found is None:
        return True
    given = "".join(part for part in found.groups() if part)
    day = timedelta(days=1)
    first = f"{window.since - day:%Y%m%d}"[: len(given)] if window.since else ""
    last = f"{window.until + day:%Y%m%d}"[: len(given)] if window.until else "9" * len(given)
    return first <= given <= last


def name_start(load_balancer: str) -> str:
    """How the part of an object's name starts that tells the load balancer, given by name, id or ARN."""
    ident = load_balancer.rpartition(":loadbalancer/")[2]
    return f"{ident.replace('/', '.')}_" if "/" in ident else f"app.{ident}."


def load_balancer_matches(wanted: str, elb: str) -> bool:
    """Does a name, an id ``app/name/id`` or an ARN mean this load balancer (``app/name/id``)?"""
    ident = wanted.rpartition(":loadbalancer/")[2]
    if "/" in ident:
        return ident == elb
    parts = elb.split("/")
    return len(parts) > 1 and parts[1] == ident
