"""Two engines' answers to one query, held against each other as sets of rows."""

import math

import polars as pl

_LOOSE = 6
"""Digits by which rows are paired."""
_CLOSE = 1e-9
"""Relative difference of two numbers that are the same: threads and tasks add in different orders."""


def differences(ours: pl.DataFrame, theirs: pl.DataFrame, besides: frozenset[str] = frozenset()) -> list[str]:
    """A sentence for every column that differs; whole numbers of different widths are the same."""
    if ours.columns != theirs.columns:
        return [f"columns {ours.columns} and {theirs.columns}"]
    if ours.height != theirs.height:
        return [f"{ours.height} and {theirs.height} rows"]
    numbers = [
        name
        for name in ours.columns
        if any(frame[name].dtype.is_float() or frame[name].dtype.is_decimal() for frame in (ours, theirs))
    ]
    left, right = (_comparable(frame.drop(besides), set(numbers) - besides) for frame in (ours, theirs))
    return [
        f"{name}: {mine!r} and {yours!r}"
        for name in left.columns
        for mine, yours in zip(left[name], right[name], strict=True)
        if not _is_same(mine, yours)
    ]


def _comparable(frame: pl.DataFrame, numbers: set[str]) -> pl.DataFrame:
    texts = [name for name in frame.columns if name not in numbers]
    typed = frame.with_columns(
        *(pl.col(name).cast(pl.Float64) for name in numbers),
        *(
            pl.col(name).list.sort().cast(pl.List(pl.String)).list.join(",")
            if isinstance(frame[name].dtype, pl.List)
            else pl.col(name).cast(pl.String)
            for name in texts
        ),
    )
    return typed.sort(*texts, *(pl.col(name).round(_LOOSE) for name in sorted(numbers)))


def _is_same(mine: object, yours: object) -> bool:
    if isinstance(mine, float) and isinstance(yours, float):
        return (
            mine == yours
            or math.isclose(mine, yours, rel_tol=_CLOSE, abs_tol=_CLOSE)
            or (math.isnan(mine) and math.isnan(yours))
        )
    return mine == yours
