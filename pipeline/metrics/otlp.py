"""Metrics to a collector, as OTLP over HTTP."""

import logging
from collections.abc import Iterable, Sequence
from functools import partial

from pipeline.errors import ConfigError, DeliveryError
from pipeline.metrics.facts import Metric

TIMEOUT_S = 10.0
INSTALL = "pip install 'forensics[otlp]'"


def push(metrics: Sequence[Metric], url: str, version: str) -> None:
    """Send all metrics once; headers and certificates as ``OTEL_EXPORTER_OTLP_*`` say.

    Raises:
        ConfigError: the extra is not installed.
        DeliveryError: the collector did not take them.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415 - an extra
            OTLPMetricExporter,
        )
        from opentelemetry.metrics import CallbackOptions, Observation  # noqa: PLC0415 - as above
        from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415 - as above
        from opentelemetry.sdk.metrics.export import (  # noqa: PLC0415 - as above
            InMemoryMetricReader,
            MetricExportResult,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - as above
    except ImportError as problem:
        raise ConfigError(f"nightly.otlp_url needs an extra: {INSTALL}") from problem

    def observe(metric: Metric, options: CallbackOptions) -> Iterable[Observation]:
        del options
        for value, number in metric.samples.items():
            yield Observation(number, {metric.label: value} if metric.label else {})

    reader = InMemoryMetricReader()
    about = Resource.create({"service.name": "forensics", "service.version": version})
    provider = MeterProvider([reader], about, shutdown_on_exit=False)
    meter = provider.get_meter("forensics", version)
    for metric in metrics:
        make = meter.create_observable_counter if metric.kind == "counter" else meter.create_observable_gauge
        make(metric.name, [partial(observe, metric)], description=metric.help)
    taken = reader.get_metrics_data()
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)  # its words hold the address
    exporter = OTLPMetricExporter(endpoint=url, timeout=TIMEOUT_S)
    try:
        is_sent = taken is not None and exporter.export(taken) is MetricExportResult.SUCCESS
    finally:
        exporter.shutdown()
        provider.shutdown()
    if not is_sent:
        raise DeliveryError("otlp: the collector did not take the metrics; check nightly.otlp_url")
