"""A source observed an error's instant only where it looked at the error's account and region."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from pipeline.attribute.coverage import missing_families
from pipeline.model import COVERAGE
from pipeline.timeline.base import frame

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
ARN = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/web/1"


def missing(arn: str | None, **place: Any) -> list[str]:  # noqa: ANN401 - columns of COVERAGE
    errors = pl.DataFrame(
        [{"failure_class": "tls_timeout", "failed_at": NOON, "target_group_arn": arn}],
        schema_overrides={"target_group_arn": pl.String},
    )
    hour = timedelta(hours=1)
    span = {"source": "cloudtrail", "covered_from": NOON - hour, "covered_to": NOON + hour, "source_ref": "x"}
    return missing_families(errors, frame(COVERAGE, [{**span, **place}]))[0]


@pytest.mark.parametrize(
    ("arn", "place", "expected"),
    [
        (ARN, {}, []),
        (ARN, {"region": "eu-west-1", "account": "111122223333"}, []),
        (ARN, {"region": "eu-west-1"}, []),
        (ARN, {"region": "us-east-1", "account": "111122223333"}, ["nodes"]),
        (ARN, {"region": "eu-west-1", "account": "444455556666"}, ["nodes"]),
        (None, {"region": "us-east-1"}, []),
    ],
)
def test_what_another_account_or_region_covers_is_no_witness(
    arn: str | None, place: dict[str, str], expected: list[str]
) -> None:
    assert missing(arn, **place) == expected
