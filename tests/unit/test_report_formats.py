"""Every format carries every attribution, and none carries a live formula, command or tag."""

import csv
import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator

from pipeline.engine.duckdb import Engine
from pipeline.model import ATTRIBUTIONS
from pipeline.report import formats
from pipeline.report.summary import Summary, summarise
from tests.support import hostile
from tests.support.incident import Incident, incident

ROOT = Path(__file__).resolve().parents[2]


def attacked() -> Incident:
    """A small incident in which whatever can be text is hostile."""
    story = incident(scale=0.1)
    for row, text in zip(story.attributions, hostile.ALL, strict=False):
        row |= {"evidence": text, "object_key": text, "trace_id": text, "remedy": text, "target_ip": text}
    return story


def summary_of(story: Incident) -> Summary:
    with Engine() as engine:
        story.attach(engine)
        return summarise(engine)


def written(story: Incident, format: formats.Format) -> bytes:  # noqa: A002 - the word users type
    to = io.BytesIO()
    formats.write(story.frame(), summary_of(story), format, to)
    assert not to.closed
    return to.getvalue()


def as_json(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.isoformat(timespec="microseconds").replace("+00:00", "Z")
        if isinstance(value, datetime)
        else value
        for name, value in row.items()
    }


def test_json_is_one_document_with_schema_summary_and_every_row() -> None:
    story = attacked()
    document = json.loads(written(story, "json"))
    assert list(document) == ["schema", "summary", "attributions"]
    assert document["summary"]["verdict"] == summary_of(story).verdict
    assert document["attributions"] == [as_json(row) for row in story.frame().iter_rows(named=True)]


def test_json_is_what_its_published_schema_says() -> None:
    schema = json.loads((ROOT / "docs" / "attribute.schema.json").read_text(encoding="utf-8"))
    check = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    document = json.loads(written(attacked(), "json"))
    check.validate(document)
    check.validate(json.loads(written(Incident(), "json")))
    document["attributions"][0]["confidence"] = "sure"
    assert not check.is_valid(document)
    assert not check.is_valid(document | {"schema": formats.JSON_SCHEMA + 1})


def test_json_lines_have_one_row_a_line() -> None:
    story = attacked()
    lines = written(story, "jsonl").splitlines()
    assert [json.loads(line) for line in lines] == [
        as_json(row) for row in story.frame().iter_rows(named=True)
    ]


@pytest.mark.parametrize("format", ["json", "jsonl"])
def test_json_is_ascii_so_that_it_can_be_shown_on_a_terminal(format: formats.Format) -> None:  # noqa: A002 - the parameter is called so
    content = written(attacked(), format)
    assert content.isascii()
    assert not set(content) & set(range(32)) - {ord("\n")}


def test_json_of_no_error_is_still_a_document() -> None:
    document = json.loads(written(Incident(), "json"))
    assert document["attributions"] == []
    assert document["summary"]["window"] is None


def test_json_writes_a_number_that_is_none_as_null() -> None:
    story = incident(scale=0.1)
    story.attributions[0]["lag_s"] = float("nan")
    assert json.loads(written(story, "jsonl").splitlines()[0])["lag_s"] is None


def test_csv_has_every_row_and_no_cell_that_starts_a_formula() -> None:
    story = attacked()
    rows = list(csv.reader(io.StringIO(written(story, "csv").decode())))
    assert rows[0] == ATTRIBUTIONS.schema.names
    assert len(rows) == 1 + len(story.attributions)
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@", "\t", "\r"))]
    assert "'" + hostile.FORMULA in {row[rows[0].index("evidence")] for row in rows}


def test_a_negative_lag_in_csv_stays_a_number() -> None:
    story = incident(scale=0.1)
    story.attributions[0]["lag_s"] = -5.25
    rows = list(csv.DictReader(io.StringIO(written(story, "csv").decode())))
    assert rows[0]["lag_s"] == "-5.25"


def test_parquet_gives_the_attributions_back_in_their_schema() -> None:
    story = attacked()
    table = pq.read_table(io.BytesIO(written(story, "parquet")))
    assert table.schema.remove_metadata().equals(ATTRIBUTIONS.schema, check_metadata=True)
    assert int(table.schema.metadata[b"forensics.requests"]) > 0
    assert pl.DataFrame(table).equals(story.frame())


def test_markdown_holds_no_live_tag_pipe_or_control_character() -> None:
    text = written(attacked(), "md").decode()
    assert "<script>" not in text.replace(r"\<script\>", "")
    assert "a | b" not in text
    assert not [char for char in text if ord(char) < 32 and char != "\n"]


def test_timesketch_has_its_three_fields_on_every_line() -> None:
    story = attacked()
    lines = [json.loads(line) for line in written(story, "timesketch").decode().splitlines()]
    assert len(lines) == len(story.attributions)
    for line, row in zip(lines, story.frame().iter_rows(named=True), strict=True):
        assert datetime.fromisoformat(line["datetime"]) == row["time"]
        assert line["timestamp_desc"]
        assert line["message"] == f"{row['elb_status_code']} {row['cause']}: {row['evidence']}"


def test_grafana_gets_one_region_per_cause_and_stretch_that_together_hold_every_error() -> None:
    story = incident()
    regions = json.loads(written(story, "grafana"))
    assert all(region["time"] <= region["timeEnd"] for region in regions)
    assert sum(int(region["text"].split()[0].replace(",", "")) for region in regions) == len(
        story.attributions
    )
    scale_in = [region for region in regions if "scale_in" in region["tags"]]
    assert [(region["timeEnd"] - region["time"]) / 60_000 < 10 for region in scale_in] == [True] * 3
