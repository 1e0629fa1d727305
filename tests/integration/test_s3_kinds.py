"""All kinds of logs from a real S3 server: by their names, by their content, and never twice."""

from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.config import Settings
from pipeline.engine import Engine
from pipeline.ingest.check import check
from pipeline.ingest.lake import Lake
from pipeline.ingest.pull import pull
from pipeline.model import Window
from pipeline.usecases.incident import Question, investigate
from tests.support.alb_lines import START, object_key
from tests.support.other_logs import ConnectionLine, checks, json_lines, packed, records
from tests.support.s3_server import Folder, object_body

EVER = Window()
END = START + timedelta(minutes=5)


def named(prefix: str, seed: int = 1) -> str:
    """The key of an object of one kind."""
    folder, _, name = object_key(seed, END).rpartition("/")
    return f"{folder}/{prefix}{name}"


def parquet(count: int) -> bytes:
    sink = BytesIO()
    pq.write_table(pa.Table.from_pylist(records(count)), sink)
    return sink.getvalue()


def fill(folder: Folder) -> None:
    folder.put(named(""), object_body(1))
    folder.put(named("conn_log_"), packed([ConnectionLine().render()] * 3))
    folder.put(named("health_check_log_"), packed(one.render() for one in checks(START, "ppttpp")))
    folder.put(named("").replace("_app.", "_net."), b"tls 2.0 ...")
    folder.put("AWSLogs/111122223333/ELBAccessLogTestFile", b"Enable AccessLog for ELB: app/a/b")


def test_the_three_kinds_of_a_folder_are_pulled_once(folder: Folder, lake: Lake) -> None:
    fill(folder)
    first = pull(folder.uri, lake, EVER)
    assert first.rows_of == {"requests": 5, "connections": 3, "health_checks": 6}
    assert (first.left_out, first.rejected, first.problems) == ({"nlb": 1, "test_file": 1}, 0, [])
    again = pull(folder.uri, lake, EVER)
    assert (again.already_known, again.ingested) == (3, 0)
    assert check(lake).findings == []


def test_a_window_leaves_out_other_times_of_every_kind(folder: Folder, lake: Lake) -> None:
    fill(folder)
    late = Window(START + timedelta(hours=5), START + timedelta(hours=6))
    summary = pull(folder.uri, lake, late)
    assert (summary.ingested, summary.outside_window) == (0, 3)


def test_other_load_balancers_are_left_out_whatever_the_kind(folder: Folder, lake: Lake) -> None:
    fill(folder)
    summary = pull(folder.uri, lake, EVER, load_balancer="blog")
    assert summary.left_out == {"nlb": 1, "test_file": 1, "other_load_balancer": 3}


def test_deliveries_are_found_where_the_key_speaks_of_load_balancers(folder: Folder, lake: Lake) -> None:
    folder.put("alb-logs/2026/03/02/11/part-0.json.gz", packed([json_lines(records(4)).rstrip("\n")]))
    folder.put("alb-logs/2026/03/02/11/part-1.parquet", parquet(3))
    folder.put("alb-logs/2026/03/02/11/about.json", b'{"name": "not a log"}')
    folder.put("app-logs/part-2.json.gz", packed([json_lines(records(4))]))
    folder.put("AWSLogs/111122223333/CloudTrail/eu-west-1/alb.json.gz", packed(['{"Records": []}']))
    for _ in range(2):
        summary = pull(folder.uri, lake, EVER)
        assert summary.left_out == {"other": 3}
    assert summary.already_known == 2
    assert sorted(one["rows"] for one in lake.objects().to_pylist()) == [3, 4]


def test_a_question_to_a_bucket_sees_checks_as_events(folder: Folder, tmp_path: Path) -> None:
    fill(folder)
    with investigate(Question(folder.uri), Settings(store=tmp_path / "unused")) as incident:
        assert _ask(incident.engine, "select count(*) from connections") == 3
        assert _ask(incident.engine, "select string_agg(kind, ' ' order by occurred_at) from events") == (
            "target_became_unreachable target_became_reachable"
        )
        assert _ask(incident.engine, "select source from coverage") == "health_checks"
        assert _ask(incident.engine, "select count(*) from field_layouts") == 0
        assert incident.requests == 5


def _ask(engine: Engine, query: str) -> object:
    return engine.ask(query).item()


@pytest.mark.parametrize("cut", [1, 60])
def test_a_truncated_delivery_is_a_problem_and_keeps_its_whole_lines(
    folder: Folder, lake: Lake, cut: int
) -> None:
    body = packed(one.render() for one in checks(START, "pt" * 300))
    folder.put(named("health_check_log_"), body[:-cut])
    summary = pull(folder.uri, lake, EVER)
    assert summary.lines == summary.rows + summary.rejected
    assert ["truncated gzip" in problem.reason for problem in summary.problems] == [True]
    assert check(lake).findings == []
