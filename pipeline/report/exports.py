"""Attributions for other tools' time lines: Timesketch and Grafana."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO

import polars as pl

from pipeline.report import safety, wording

APART = timedelta(minutes=5)
"""Errors of one cause that lie no further apart are one annotation."""

Row = dict[str, Any]


def timesketch(attributions: pl.DataFrame, to: BinaryIO) -> None:
    """One JSON object a line with the three fields that Timesketch wants, and what it can filter by.

    Args:
        attributions: rows of `attributions`.
        to: where to; UTF-8, pure ASCII.
    """
    to.writelines(_dumped(_timesketch_line(row)) + b"\n" for row in attributions.iter_rows(named=True))


def _timesketch_line(row: Row) -> Row:
    return {
        "message": f"{row['elb_status_code']} {row['cause']}: {row['evidence']}",
        "datetime": row["time"].astimezone(UTC).isoformat(timespec="microseconds"),
        "timestamp_desc": "load balancer answered",
        "tag": [row["cause"]],
        "target": f"{row['target_ip']}:{row['target_port']}" if row["target_ip"] else None,
        **{
            name: row[name]
            for name in ("request_id", "trace_id", "elb", "confidence", "failure_class", "object_key")
        },
    }


def grafana(attributions: pl.DataFrame, to: BinaryIO) -> None:
    """A JSON list of region annotations as Grafana's API takes them: one per cause and stretch of errors.

    Args:
        attributions: rows of `attributions`.
        to: where to; UTF-8, pure ASCII. Instants are milliseconds since 1970, UTC.
    """
    found = [
        annotation
        for (_,), rows in attributions.sort("cause", "time").group_by("cause", maintain_order=True)
        for annotation in _annotations(rows)
    ]
    to.write(_dumped(sorted(found, key=lambda one: (one["time"], one["tags"]))) + b"\n")


def _annotations(rows: pl.DataFrame) -> Iterator[Row]:
    apart = (pl.col("time").diff() > APART).fill_null(value=False).cum_sum()
    for _, stretch in rows.group_by(apart, maintain_order=True):
        surest = stretch.sort("confidence", "request_id", descending=[True, False]).row(0, named=True)
        yield {
            "time": _millis(stretch["time"][0]),
            "timeEnd": _millis(stretch["time"][-1]),
            "tags": ["forensics", surest["cause"]],
            "text": safety.visible(
                f"{wording.plural(stretch.height, 'gateway error')}: {surest['cause']}. {surest['evidence']}"
            ),
        }


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _dumped(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=True, allow_nan=False).encode()
