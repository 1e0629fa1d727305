"""What monitoring is told of the nightly runs: a Prometheus textfile, and OTLP."""
