"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.redaction import Mode

TableOrJson = Literal["table", "json"]
_FORMAT = typer.Option("--format", help="How to print.")

VerdictFormat = Annotated[
    Literal["table", "json", "jsonl", "csv", "parquet", "md", "timesketch", "grafana"], _FORMAT
]
FindingFormat = Annotated[Literal["table", "json", "sarif"], _FORMAT]
Format = Annotated[TableOrJson, _FORMAT]
Logs = Annotated[
    str | None,
    typer.Option(help="ALB access logs: s3://bucket/prefix, a folder, a file, or - for standard input."),
]
Timeline = Annotated[
    Path | None,
    typer.Option(help="Folder of JSON as the AWS CLI and kubectl print it, searched recursively."),
]
Aws = Annotated[
    bool | None,
    typer.Option(
        "--aws/--no-aws",
        help="Collect the timeline from AWS; without either, where --lb is all that is given.",
    ),
]
KeepPages = Annotated[
    Path | None,
    typer.Option(help="New folder for what AWS answers; --timeline on it replays the run."),
]
Since = Annotated[
    str | None, typer.Option(help="Start: a duration back from now (90m, 24h, 7d) or RFC 3339.")
]
Until = Annotated[str | None, typer.Option(help="End (exclusive): as --since.")]
LoadBalancer = Annotated[
    str | None,
    typer.Option(
        "--lb",
        help="Only this load balancer: name, app/name/id, or ARN. Where neither --logs nor the store has its "
        "logs, they are found through its attributes.",
    ),
]
Store = Annotated[Path | None, typer.Option(help="Folder of the lake.", envvar="FORENSICS_STORE")]
EngineName = Annotated[
    Literal["duckdb", "spark"] | None,
    typer.Option("--engine", help="What runs the SQL: this process (duckdb), or Apache Spark."),
]
Master = Annotated[
    str | None,
    typer.Option(
        help="Spark's cluster: spark://host:7077, local[4], yarn. Else spark-submit's, or this machine."
    ),
]
Shared = Annotated[
    str | None,
    typer.Option(help="Folder or URI (s3a://...) that Spark's driver and executors all see, for its tables."),
]
MaxRejectShare = Annotated[
    float | None, typer.Option(min=0.0, max=1.0, help="Share of rejected lines above which a run fails.")
]
FailOn = Annotated[
    list[str] | None,
    typer.Option(help="Exit code 3 for so many errors: 'scale_in>10', 'errors>=100'; again for more."),
]
Output = Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")]
Page = Annotated[Path, typer.Option(help="HTML file to write.")]
Columns = Annotated[
    Literal["full", "lean"] | None,
    typer.Option(
        help="lean leaves out what no verdict reads: client ports, user agents, connection ids and target "
        "lists of requests; those answered with 502 or 504 are also kept whole."
    ),
]
Redact = Annotated[
    Mode | None,
    typer.Option(
        help="Keep of clients only their network (truncate) or a code that FORENSICS_REDACT_KEY decides "
        "(hash), no query, no full user agent, no caller's name. A store keeps to its first way."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress on standard error.")]
