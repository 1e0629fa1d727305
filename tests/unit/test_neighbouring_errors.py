"""What a line of another status than 502 and 504 is called."""

from datetime import timedelta

import pyarrow as pa
import pytest

from pipeline.engine.duckdb import Engine
from pipeline.model import REQUESTS
from tests.support.small_world import START


def line(status: int, **fields: object) -> dict[str, object]:
    base = {"time": START, "elb_status_code": status, "object_key": "a", "line_number": 1}
    return base | {"actions_executed": "forward"} | fields


def labels(*lines: dict[str, object], until: object = None) -> list[tuple[int, str, int]]:
    with Engine() as engine:
        engine.attach("requests", pa.Table.from_pylist(list(lines), schema=REQUESTS.schema))
        bounds = {"since": START, "until": until}
        return engine.frame("marts/neighbouring_errors", bounds).rows()


@pytest.mark.parametrize(
    ("status", "fields", "label"),
    [
        (503, {}, "no_targets"),
        (500, {"error_reason": "WAFConnectionTimeout"}, "waf_error"),
        (500, {"actions_executed": "waf-failed"}, "waf_error"),
        (500, {"error_reason": "AuthTokenEpRequestTimeout"}, "auth_error"),
        (500, {}, "load_balancer_error"),
        (561, {}, "auth_idp_error"),
        (401, {"actions_executed": "authenticate"}, "auth_denied"),
        (403, {"actions_executed": "waf"}, "waf_block"),
        (460, {}, "client_abort"),
        (400, {}, "client_bad_request"),
        (408, {}, "client_idle"),
        (463, {}, "xff_too_long"),
        (464, {}, "protocol_mismatch"),
        (505, {}, "http_version"),
        (507, {}, "redirect_too_long"),
        (0, {}, "client_connection_used_up"),
    ],
)
def test_the_line_alone_gives_the_label(status: int, fields: dict[str, object], label: str) -> None:
    assert labels(line(status, **fields)) == [(status, label, 1)]


@pytest.mark.parametrize(
    ("status", "fields"),
    [
        (503, {"target_status_code": 503}),
        (403, {"target_status_code": 403}),
        (403, {}),
        (403, {"actions_executed": "waf,fixed-response"}),
        (503, {"actions_executed": "fixed-response"}),
        (502, {}),
        (200, {"target_status_code": 200}),
    ],
)
def test_what_the_target_or_a_rule_answered_is_not_the_load_balancers(
    status: int, fields: dict[str, object]
) -> None:
    assert labels(line(status, **fields)) == []


def test_only_the_window_counts_and_the_most_frequent_comes_first() -> None:
    late = line(503, time=START + timedelta(hours=2))
    found = labels(line(503), line(460), line(460), late, until=START + timedelta(hours=1))
    assert found == [(460, "client_abort", 2), (503, "no_targets", 1)]
