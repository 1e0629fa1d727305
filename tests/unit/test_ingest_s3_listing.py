"""Where listing goes on after a page."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ingest import keys
from pipeline.ingest.s3_listing import skip
from pipeline.model import Window
from tests.support.alb_lines import object_key

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
WINDOW = Window(NOON, NOON + timedelta(hours=1))


def at(hours: float, name: str = "shop") -> str:
    return object_key(1, NOON + timedelta(hours=hours), name=name)


def test_a_page_before_the_window_leads_to_its_start() -> None:
    onward = skip(at(-8), WINDOW)
    assert onward is not None
    assert onward.endswith("app.shop.50dc6c495c0c9188_20260302T1100Z")
    assert at(-8) < at(-1.1) < onward < at(-1)


def test_a_page_after_the_window_leads_to_the_next_load_balancer() -> None:
    onward = skip(at(5), WINDOW)
    assert onward is not None
    assert at(11.9) < onward < at(-12, name="shop2")


def test_a_page_within_the_window_is_followed_by_the_next() -> None:
    assert skip(at(0.5), WINDOW) is None


@pytest.mark.parametrize(
    "last",
    [
        "",
        "AWSLogs/111122223333/",
        "notes.txt",
        at(-8) + "_copy",
        at(-8).replace("app.", "net."),
        at(-8) + "/",
    ],
)
def test_a_page_that_ends_with_anything_else_is_followed_by_the_next(last: str) -> None:
    assert skip(last, WINDOW) is None


def test_without_a_window_nothing_is_skipped() -> None:
    assert skip(at(-8), Window()) is None


MINUTES = st.integers(-3000, 3000).map(lambda minutes: NOON + timedelta(minutes=minutes))
INSTANTS = st.integers(-180_000, 180_000).map(lambda seconds: NOON + timedelta(seconds=seconds))
NAMED = st.tuples(MINUTES, st.sampled_from(["shop", "shop-2", "a"]), st.integers(0, 300))


@given(st.lists(NAMED, min_size=2, max_size=40), st.none() | INSTANTS, st.none() | INSTANTS)
def test_no_object_of_the_window_is_ever_skipped(
    named: list[tuple[datetime, str, int]], since: datetime | None, until: datetime | None
) -> None:
    window = Window(since, until)
    listed = sorted({object_key(seed, end, name=name) for end, name, seed in named})
    for place, last in enumerate(listed):
        onward = skip(last, window)
        if onward is None:
            continue
        assert onward > last
        for key in listed[place + 1 :]:
            parsed = keys.parse(key)
            assert parsed is not None
            assert key > onward or not keys.overlaps(parsed, window)
