"""Which audit log is read where, and what is said of one that is nowhere."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from pipeline.config import Settings, load
from pipeline.timeline.audit_logs import ACTION, of_place, settle
from pipeline.timeline.aws_apis import MOST_LOG_PAGES, budget
from pipeline.timeline.collection import Call, Collection

NAME = "/aws/eks/shop/cluster"
ARN = f"arn:aws:logs:eu-west-1:111122223333:log-group:{NAME}"
NOW = datetime(2026, 3, 2, tzinfo=UTC)


def record(region: str, **fault: str) -> Collection:
    """A collection in a region that asked for the group."""
    found = Collection("test", region, "111122223333", ["shop"], NOW, NOW, NOW, 9)
    found.calls = [Call("kubernetes_audit", ACTION, NAME, NOW, **fault)]  # type: ignore[arg-type]  # fields of Call
    return found


@pytest.mark.parametrize("given", [NAME, f"{NAME}:*", ARN, f"{ARN}:*"])
def test_a_group_is_given_by_name_or_arn(given: str) -> None:
    assert of_place([given], "111122223333", "eu-west-1") == [NAME]


@pytest.mark.parametrize(
    ("account", "region", "by_arn"),
    [
        ("111122223333", "eu-west-1", True),
        ("111122223333", "us-east-1", False),
        ("444455556666", "eu-west-1", False),
        (None, "eu-west-1", True),
        (None, None, True),
    ],
)
def test_an_arn_is_of_its_place_and_a_name_of_every_place(
    account: str | None,
    region: str | None,
    by_arn: bool,  # noqa: FBT001 - a table of cases
) -> None:
    assert of_place([ARN], account, region) == [NAME] * by_arn
    assert of_place([NAME, f"{NAME}:*"], account, region) == [NAME]


def test_a_group_that_one_place_has_is_no_fault_of_the_others() -> None:
    here, there = record("eu-west-1"), record("us-east-1", fault="missing", message="none")
    settle([NAME], [here, there])
    assert [(call.fault, call.message) for call in there.calls] == [(None, None)]


def test_a_group_that_no_place_has_stays_a_fault() -> None:
    both = [record(region, fault="missing", message="none") for region in ("eu-west-1", "us-east-1")]
    settle([NAME], both)
    assert [one.calls[0].message for one in both] == ["none", "none"]


def test_an_arn_of_a_place_that_nobody_asked_about_is_said() -> None:
    (only,) = [record("us-east-1")]
    settle([ARN], [only])
    assert only.calls[-1].message == (
        "not asked: none of the load balancers is in account 111122223333, region eu-west-1"
    )


def test_each_log_adds_its_pages_to_the_budget() -> None:
    assert budget(3, 24, 2) - budget(3, 24) == 2 * MOST_LOG_PAGES


def test_several_groups_are_a_list_or_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORENSICS_EKS_AUDIT_LOG_GROUP", f"{NAME}, {ARN}")
    assert load().eks_audit_log_group == (NAME, ARN)
    with pytest.raises(ValidationError, match="eks_audit_log_group"):
        Settings(eks_audit_log_group=("arn:aws:s3:::bucket",))
