"""The report's sentences: plain, with numbers, true at 0, 1 and many."""

from collections.abc import Sequence
from datetime import UTC, datetime

from pipeline.model import PLACEBO_LEVEL
from pipeline.report.facts import CauseRow, Neighbour

LEADING = 3
"""Causes that the verdict names one by one."""

NO_TIMELINE = "No timeline source was read: the verdicts rest on log lines alone; --timeline adds one."

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def whole(number: float) -> str:
    """A count with thousands separated, rounded to a whole."""
    return f"{round(number):,}"


def percent(share: float) -> str:
    """A share in whole percent; what is neither none nor all never reads 0 % or 100 %."""
    if 0.0 < share < 0.01:  # noqa: PLR2004 - one percent
        return "<1%"
    if 0.99 < share < 1.0:  # noqa: PLR2004 - 99 percent
        return "99%" if share < 0.995 else ">99%"  # noqa: PLR2004 - where rounding would reach 100
    return f"{share:.0%}"


def ratio(value: float | None) -> str:
    """A rate ratio with the digits that count; None is unbounded."""
    if value is None:
        return "∞"
    return f"{value:,.0f}" if value >= 10.0 else f"{value:.1f}" if value >= 0.1 else f"{value:.2f}"  # noqa: PLR2004 - digits that count


def chance(value: float) -> str:
    """A p-value or a false discovery rate."""
    return "<0.001" if value < 0.001 else f"{value:.2g}"  # noqa: PLR2004 - beyond, digits mean nothing


def placebo(verdict: str, p_value: float) -> str:
    """Did failures rise as well where the events can do nothing? Asked only of a rise near the events."""
    if verdict == "common_driver":
        return "rose about as much"
    if verdict != "lifted":
        return "–"
    return "rose too, but less" if p_value < PLACEBO_LEVEL else "did not rise"


def instant(moment: datetime) -> str:
    """An instant to the minute, UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def span(window: tuple[datetime, datetime], until: str = "and") -> str:
    """A window in words, ``until`` between its ends; the date of its end only if it is another."""
    first, last = (moment.astimezone(UTC) for moment in window)
    end = last.strftime("%H:%M") if first.date() == last.date() else instant(last)
    return f"{instant(first)} {until} {end} UTC"


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun."""
    return f"{whole(count)} {one if count == 1 else many or one + 's'}"


def counted(count: int) -> str:
    """A small count in a word, a larger one in digits."""
    return _NUMBERS[count] if count < len(_NUMBERS) else whole(count)


def verdict(
    rows: Sequence[CauseRow], errors: int, requests: int, window: tuple[datetime, datetime] | None
) -> str:
    """The incident in one sentence."""
    if not errors:
        return _no_errors(requests, window)
    decided = [row for row in rows if row.is_decided]
    if errors == 1:
        return _one_error(rows[0])
    if not decided:
        return _none_decided(rows, errors)
    return _causes(decided, [row for row in rows if not row.is_decided], errors)


def _no_errors(requests: int, window: tuple[datetime, datetime] | None) -> str:
    if window is None:
        return "No request reached a target, so there is nothing to attribute."
    reached = f"{plural(requests, 'request')} that reached a target"
    return f"No gateway error (502/504) among {reached}, between {span(window)}."


def _one_error(row: CauseRow) -> str:
    if row.is_decided:
        return f"The one gateway error has the cause {row.cause} ({percent(row.mean_confidence)} sure)."
    return f"The one gateway error {_undecided_clause(row.cause, 1)}."


def _undecided_clause(cause: str, count: int) -> str:
    if cause == "unexplained":
        return "stays unexplained" if count == 1 else "stay unexplained"
    return "lacks evidence" if count == 1 else "lack evidence"


def _none_decided(rows: Sequence[CauseRow], errors: int) -> str:
    parts = ", ".join(f"{whole(row.errors)} {_undecided_clause(row.cause, row.errors)}" for row in rows)
    return f"None of {whole(errors)} gateway errors has a known cause: {parts}."


def _causes(decided: Sequence[CauseRow], undecided: Sequence[CauseRow], errors: int) -> str:
    named, others = decided[:LEADING], decided[LEADING:]
    covered = sum(row.errors for row in named)
    head = f"{whole(covered)} of {whole(errors)}" if covered < errors else f"All {whole(errors)}"
    share = f" ({percent(covered / errors)})" if covered < errors else ""
    listed = ", ".join(f"{row.cause} {whole(row.errors)}" for row in named)
    causes = f"{counted(len(named))} cause{'' if len(named) == 1 else 's'}"
    verb = "has" if covered == 1 else "have"
    return f"{head} gateway errors{share} {verb} {causes}: {listed}{_tail(others, undecided)}."


def _tail(others: Sequence[CauseRow], undecided: Sequence[CauseRow]) -> str:
    parts = [f"{whole(row.errors)} {_undecided_clause(row.cause, row.errors)}" for row in undecided]
    if others:
        count = sum(row.errors for row in others)
        noun = "another" if len(others) == 1 else f"{counted(len(others))} others"
        parts.insert(0, f"{whole(count)} {'has' if count == 1 else 'have'} {noun}")
    return "; " + ", ".join(parts) if parts else ""


def top_remedy(rows: Sequence[CauseRow], errors: int) -> str:
    """What to change first: the remedy of the cause with most expected errors."""
    ranked = _by_errors_saved(rows)
    return _remedy(ranked[0], errors) if ranked else ""


def further_remedies(rows: Sequence[CauseRow], errors: int) -> list[str]:
    """What to change after that: the remedies of the next causes that the verdict names."""
    return [_remedy(row, errors) for row in _by_errors_saved(rows)[1:LEADING]]


def _by_errors_saved(rows: Sequence[CauseRow]) -> list[CauseRow]:
    return sorted((row for row in rows if row.is_decided), key=lambda row: -row.expected_errors)


def _remedy(row: CauseRow, errors: int) -> str:
    return f"{row.remedy.rstrip('. ')}. {saved(row, errors)}"


def saved(row: CauseRow, errors: int) -> str:
    """What the remedy of a cause would have saved."""
    return (
        f"{row.cause}: about {whole(row.expected_errors)} of {plural(errors, 'error')}"
        f" ({bounds(row)}) would not have happened."
    )


def bounds(row: CauseRow) -> str:
    """The 95 % interval of a cause's errors."""
    return f"{whole(row.low)}–{whole(row.high)}"


def provisional(count: int, first: datetime) -> str:
    """What it means that errors are young."""
    return (
        f"{plural(count, 'verdict')} since {instant(first)} UTC {'is' if count == 1 else 'are'} provisional: "
        "lines and events may still come; attribute again in half an hour."
    )


def uncovered(source: str, count: int, errors: int) -> str:
    """What it means that a source did not watch."""
    return (
        f"{source} did not cover the instant of {plural(count, 'error')} ({percent(count / errors)}):"
        " their verdicts lack that evidence."
    )


def also_seen(neighbours: Sequence[Neighbour]) -> str:
    """Other answers of the load balancer's own: ``503 no_targets 12, 460 client_abort 3``."""
    return ", ".join(f"{one.status:03d} {one.label} {whole(one.requests)}" for one in neighbours)
