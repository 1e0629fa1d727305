"""The one cause that looks at clients, in redacted stores: what stays, and the loss that is documented."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from pipeline.ingest.redact import Redactor
from pipeline.redaction import Redaction
from tests.support import small_world

CUT = Redactor(Redaction("truncate"))
CODED = Redactor(Redaction("hash", b"0123456789abcdef"))
TEXT = (Path(__file__).parent / "response_header_too_large.toml").read_text(encoding="utf-8")
CASES: dict[str, dict[str, Any]] = {case["name"]: case for case in tomllib.loads(TEXT)["case"]}
HIT = next(case for name, case in CASES.items() if name.startswith("hit"))
COLUMNS = ("request_id", "cause", "confidence", "runner_up", "evidence")


@pytest.mark.parametrize("name", sorted(CASES))
def test_by_hash_the_verdicts_are_the_same(name: str) -> None:
    plain, coded = (small_world.attribute(CASES[name], redactor=one) for one in (None, CODED))
    assert coded.select(COLUMNS).equals(plain.select(COLUMNS))


def test_cut_addresses_take_a_network_for_a_client() -> None:
    assert set(small_world.attribute(HIT, redactor=CUT)["cause"]) == {"response_header_too_large"}
    neighbour = {**HIT, "answers": [[*answer[:3], "203.0.113.77"] for answer in HIT["answers"]]}
    assert set(small_world.attribute(neighbour, redactor=CODED)["cause"]) == {"response_header_too_large"}
    assert "response_header_too_large" not in set(small_world.attribute(neighbour, redactor=CUT)["cause"])
