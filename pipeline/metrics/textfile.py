"""A file for the node exporter's textfile collector; it appears whole or not at all."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, write_to_textfile
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from pipeline.errors import DeliveryError
from pipeline.metrics.facts import Metric


class _Taken(Collector):
    """Metrics with the values that they have."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Family]:
        for metric in self._metrics:
            labels = [metric.label] if metric.label else []
            make = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            family = make(metric.name, metric.help, labels=labels)
            for value, number in sorted(metric.samples.items()):
                family.add_metric([value] if labels else [], number)
            yield family


def write(metrics: Sequence[Metric], path: Path) -> None:
    """Replace the file.

    Raises:
        DeliveryError: it cannot be written; the former one stays.
    """
    registry = CollectorRegistry()
    registry.register(_Taken(metrics))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_to_textfile(str(path), registry)
    except OSError as problem:
        raise DeliveryError(f"{path}: metrics cannot be written: {problem.strerror}") from problem
