"""The lake of the benchmark is one that an ingest could have made."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from pipeline.ingest.check import check
from pipeline.ingest.lake import Lake
from pipeline.model import Window
from pipeline.timeline.folder import read_timeline
from tests.benchmarks.big_lake import INTERVAL_S, failures, fill
from tests.benchmarks.big_timeline import Span, keep_timeline, target_addresses
from tests.support.alb_lines import START


def test_copies_differ_in_time_and_errors_and_count_like_objects(tmp_path: Path) -> None:
    span = Span(START, 3600.0)
    exits = keep_timeline(tmp_path, span, 600, 5)
    made = fill(tmp_path, 7200, 2, target_addresses(5), failures(60, span.length_s, exits))
    with Lake.open(tmp_path) as lake:
        report = check(lake)
        rows = pl.concat([pl.read_parquet(path) for path in lake.request_files(Window())])
        errors = pl.concat([pl.read_parquet(path) for path in lake.error_files(Window())])
    assert report.findings == []
    assert rows.height == 7200
    assert rows["object_key"].n_unique() == 48
    assert rows.select("object_key", "line_number").is_unique().all()
    assert rows["trace_id"].is_unique().all()
    assert rows["time"].is_between(START, START + timedelta(hours=1)).all()
    assert rows["target_ip"].unique().sort().to_list() == target_addresses(5)
    seconds = rows["trace_id"].str.slice(7, 8).str.to_integer(base=16)
    assert (seconds == rows["time"].dt.epoch("s")).all()
    assert 30 <= made == errors.height <= 60  # bursts share the few lines of their second
    assert errors["target_status_code"].null_count() == errors.height
    assert set(errors["elb_status_code"]) == {502, 504}


def test_the_timeline_has_as_many_events_as_asked_for_and_exits_among_them(tmp_path: Path) -> None:
    span = Span(START, INTERVAL_S)
    exits = keep_timeline(tmp_path, span, 1000, 7)
    frames = read_timeline(store=tmp_path).frames()
    assert 996 <= frames["events"].height <= 1000
    left = frames["events"].filter(pl.col("kind") == "pod_exited")["occurred_at"].dt.epoch("us") / 1e6
    assert np.isin(np.round(exits, 3), np.round(left.to_numpy() - START.timestamp(), 3)).all()
    assert (np.diff(failures(100, INTERVAL_S, exits).at) >= 0).all()
