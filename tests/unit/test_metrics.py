"""What monitoring is told: the textfile as Prometheus reads it, OTLP as a collector takes it."""

import gzip
import os
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.errors import DeliveryError
from pipeline.metrics import otlp, textfile
from pipeline.metrics.facts import Metric, RunFacts, metrics
from tests.support.loopback import serving

FACTS = RunFacts(
    errors={"scale_in": 12, "new_node": 0},
    last_day_errors={"scale_in": 2},
    finished_at=1_772_500_000.0,
    seconds=12.5,
    exit_code=3,
    stage_seconds={"pull": 1.5, "attribute": 8.0},
    open_days=1,
    newest_day=1_772_409_600.0,
    store_bytes=4096,
    lines=7000,
    rejected=2,
)


def samples(path: Path) -> dict[str, float]:
    """Samples of a textfile, by name and label."""
    families = text_string_to_metric_families(path.read_text())
    return {
        "".join([one.name, *(f"{{{key}={value}}}" for key, value in one.labels.items())]): one.value
        for family in families
        for one in family.samples
    }


def test_the_textfile_is_what_prometheus_reads(tmp_path: Path) -> None:
    path = tmp_path / "new" / "forensics.prom"
    textfile.write(metrics(FACTS), path)
    found = samples(path)
    assert found["forensics_gateway_errors_total{cause=scale_in}"] == 12.0
    assert found["forensics_gateway_errors_total{cause=new_node}"] == 0.0
    assert found["forensics_day_gateway_errors{cause=scale_in}"] == 2.0
    assert found["forensics_nightly_stage_seconds{stage=attribute}"] == 8.0
    assert found["forensics_nightly_exit_code"] == 3.0
    assert found["forensics_store_bytes"] == 4096.0
    assert "forensics_nightly_last_success_timestamp_seconds" not in found
    assert "# TYPE forensics_gateway_errors_total counter" in path.read_text()
    assert [one.name for one in path.parent.iterdir()] == ["forensics.prom"]


def test_labels_are_escaped(tmp_path: Path) -> None:
    path = tmp_path / "a.prom"
    textfile.write([Metric("m", "help\nof two lines", "gauge", {'a"b\\c\nd': 1.0}, "name")], path)
    ((sample,),) = [family.samples for family in text_string_to_metric_families(path.read_text())]
    assert sample.labels == {"name": 'a"b\\c\nd'}


def test_a_file_that_cannot_be_written_is_an_error_and_the_former_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.prom"
    textfile.write(metrics(FACTS), path)
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "rename", full)
    with pytest.raises(DeliveryError, match="No space left"):
        textfile.write(metrics(FACTS), path)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["a.prom"]


@contextmanager
def collector(status: int) -> Iterator[tuple[str, list[ExportMetricsServiceRequest]]]:
    """An OTLP receiver on loopback."""
    taken: list[ExportMetricsServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            taken.append(ExportMetricsServiceRequest.FromString(body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server has
            """Say nothing."""

    with serving(HTTPServer(("127.0.0.1", 0), Handler)) as address:
        yield f"{address}/v1/metrics", taken


def test_a_collector_gets_the_same_numbers() -> None:
    with collector(200) as (url, taken):
        otlp.push(metrics(FACTS), url, "1.2.3")
    (request,) = taken
    (resource,) = request.resource_metrics
    about = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert (about["service.name"], about["service.version"]) == ("forensics", "1.2.3")
    found = {one.name: one for one in resource.scope_metrics[0].metrics}
    points = found["forensics_gateway_errors_total"].sum.data_points
    assert {point.attributes[0].value.string_value: point.as_int or point.as_double for point in points} == {
        "scale_in": 12,
        "new_node": 0,
    }
    assert found["forensics_gateway_errors_total"].sum.is_monotonic
    assert found["forensics_nightly_duration_seconds"].gauge.data_points[0].as_double == 12.5


def test_a_collector_that_refuses_is_an_error_that_holds_no_address(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with collector(403) as (url, _), pytest.raises(DeliveryError) as raised:
        otlp.push(metrics(FACTS), url, "1.2.3")
    assert "127.0.0.1" not in str(raised.value) + "".join(capfd.readouterr())
