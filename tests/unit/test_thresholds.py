"""Conditions such as scale_in>10."""

import pytest

from pipeline.errors import UsageError
from pipeline.usecases.thresholds import read


@pytest.mark.parametrize(
    ("text", "errors", "holds"),
    [
        ("scale_in>10", {"scale_in": 10}, False),
        ("scale_in>10", {"scale_in": 11}, True),
        ("scale_in>=10", {"scale_in": 10}, True),
        (" scale_in > 10 ", {"scale_in": 11}, True),
        ("scale_in>0", {}, False),
        ("errors>10", {"scale_in": 6, "new_node": 5}, True),
        ("errors>10", {"scale_in": 5, "new_node": 5}, False),
        ("insufficient_evidence>0", {"insufficient_evidence": 1}, True),
    ],
)
def test_a_condition_holds_from_its_number_on(text: str, errors: dict[str, int], holds: bool) -> None:  # noqa: FBT001 - a table
    (one,) = read([text], "--fail-on")
    assert one.holds(errors) is holds


def test_several_may_be_given_in_one_text_or_in_many() -> None:
    assert [one.text for one in read(["scale_in>1,errors>2", "new_node>=3"], "x")] == [
        "scale_in>1",
        "errors>2",
        "new_node>=3",
    ]


@pytest.mark.parametrize(
    "text", ["", "scale_in", "scale_in<3", "scale_in>", "scale_in>-1", "scale_in>1.5", ">3"]
)
def test_what_is_none_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"--fail-on .*such as scale_in>10"):
        read([text], "--fail-on")


def test_a_cause_that_there_is_not_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"scalein; scale_in\?"):
        read(["scalein>3"], "--fail-on")


def test_what_always_holds_is_refused() -> None:
    with pytest.raises(UsageError, match="always holds"):
        read(["errors>=0"], "--fail-on")
