"""What the nightly run may be told: the table ``[nightly]`` of forensics.toml, ``FORENSICS_NIGHTLY__*``."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

Channel = Literal["slack", "webhook", "mail"]
"""Where a notification can go."""


class Mail(BaseModel):
    """How e-mail is sent; nothing is without a recipient."""

    model_config = ConfigDict(extra="forbid")

    to: Annotated[list[str], Field(description="recipients")] = Field(default_factory=list)
    sender: Annotated[str, Field(description="address that the mail comes from")] = "forensics@localhost"
    host: Annotated[str, Field(description="SMTP server")] = "localhost"
    port: Annotated[int, Field(ge=1, le=65535, description="its port")] = 25
    security: Annotated[
        Literal["none", "starttls", "tls"], Field(description="how the connection is kept private")
    ] = "none"
    user: Annotated[str | None, Field(description="user name, where the server asks for one")] = None
    password: Annotated[SecretStr | None, Field(description="give it as an environment variable")] = None


class Nightly(BaseModel):
    """Sources, thresholds and recipients of ``forensics nightly``."""

    model_config = ConfigDict(extra="forbid")

    logs: Annotated[
        str | None, Field(min_length=1, description="s3://bucket/prefix or a folder of ALB logs")
    ] = None
    load_balancers: Annotated[
        list[str], Field(description="names or ARNs; without logs, their attributes tell where logs are")
    ] = Field(default_factory=list)
    timeline: Annotated[Path | None, Field(description="folder of dumps, read every night")] = None
    aws: Annotated[bool, Field(description="ask AWS for the timeline")] = True
    cluster: Annotated[bool | None, Field(description="ask Kubernetes; default: where it is configured")] = (
        None
    )
    reports: Annotated[Path | None, Field(description="folder of the pages; default: in the store")] = None
    report_url: Annotated[
        str | None, Field(pattern=r"^https?://", description="where that folder can be seen, for links")
    ] = None
    look_again_days: Annotated[
        int, Field(ge=0, le=31, description="answered days that late lines and events may still change")
    ] = 7
    keep: Annotated[
        str | None, Field(description="age at which logs and timeline go (90d); default: never")
    ] = None
    keep_reports: Annotated[
        str | None, Field(description="age at which pages and verdicts go (400d); default: never")
    ] = None
    fail_on: Annotated[list[str], Field(description="exit code 3 for a day with so many errors")] = Field(
        default_factory=list
    )
    notify_when: Annotated[list[str], Field(description="a day with so many errors is told")] = Field(
        default_factory=lambda: ["errors>0"]
    )
    slack_url: Annotated[
        SecretStr | None, Field(description="incoming webhook; give it as an environment variable")
    ] = None
    webhook_url: Annotated[
        SecretStr | None, Field(description="takes JSON; give it as an environment variable")
    ] = None
    webhook_secret: Annotated[
        SecretStr | None, Field(description="signs the JSON; give it as an environment variable")
    ] = None
    mail: Mail = Field(default_factory=Mail)
    metrics_file: Annotated[Path | None, Field(description="Prometheus textfile, name ending in .prom")] = (
        None
    )
    otlp_url: Annotated[
        str | None, Field(pattern=r"^https?://", description="OTLP/HTTP endpoint of metrics, /v1/metrics")
    ] = None

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Where notifications go."""
        wanted: dict[Channel, bool] = {
            "slack": self.slack_url is not None,
            "webhook": self.webhook_url is not None,
            "mail": bool(self.mail.to),
        }
        return tuple(channel for channel, is_wanted in wanted.items() if is_wanted)
