"""The bundled incident as CloudWatch would deliver it: the verdicts are those of the plain logs."""

import gzip
import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import Settings
from pipeline.ingest import keys
from pipeline.ingest.kinds import ACCESS
from pipeline.ingest.tokens import tokenise
from pipeline.model import Window
from pipeline.usecases.incident import Question, investigate

DEMO = Path(__file__).resolve().parents[2] / "fixtures" / "demo"


def verdicts(logs: Path) -> pl.DataFrame:
    with investigate(Question(str(logs), DEMO / "timeline", Window()), Settings()) as incident:
        assert incident.pulled is not None
        assert (incident.pulled.rejected, incident.pulled.problems) == (0, [])
        return incident.attributions.select(
            "trace_id", "time", "target_ip", "failure_class", "cause", "confidence", "evidence"
        ).sort("trace_id", "time")


@pytest.fixture(scope="module")
def expected() -> pl.DataFrame:
    return verdicts(DEMO / "logs")


def delivered(logs: Path) -> list[tuple[str, list[dict[str, str]]]]:
    """The records of each access-log object, by a name that says nothing."""
    found = []
    for number, path in enumerate(sorted(logs.rglob("*.log.gz"))):
        named = keys.parse(path.name)
        if keys.kind(path.name) != keys.ACCESS_LOG or named is None:
            continue
        entries = []
        for line in gzip.decompress(path.read_bytes()).splitlines():
            values = [token.decode() for token in tokenise(line)]
            entry = dict(zip(ACCESS.delivered, values, strict=False))
            entries.append({**entry, "ip_address": entry.get("ip_address", str(named.node_ip))})
        found.append((f"part-{number}", entries))
    return found


def test_json_lines_give_the_same_verdicts(expected: pl.DataFrame, tmp_path: Path) -> None:
    for name, entries in delivered(DEMO / "logs"):
        text = "".join(json.dumps(entry) + "\n" for entry in entries)
        (tmp_path / f"{name}.json.gz").write_bytes(gzip.compress(text.encode(), 1))
    assert verdicts(tmp_path).equals(expected)


def test_parquet_gives_the_same_verdicts(expected: pl.DataFrame, tmp_path: Path) -> None:
    for name, entries in delivered(DEMO / "logs"):
        pq.write_table(pa.Table.from_pylist(entries), tmp_path / f"{name}.parquet")
    assert verdicts(tmp_path).equals(expected)
