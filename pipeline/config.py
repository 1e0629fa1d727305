"""Settings, from flags > FORENSICS_* > forensics.toml > user configuration > defaults."""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from pipeline.errors import ConfigError, UsageError
from pipeline.redaction import SHORTEST_KEY, Mode
from pipeline.schedule import Nightly

if TYPE_CHECKING:
    from pipeline.model import Window

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_ROLE_ARN = r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$"
_LOG_GROUP = r"^(arn:aws[a-z-]*:logs:[a-z0-9-]+:\d{12}:log-group:)?[A-Za-z0-9_./#-]+(:\*)?$"

_S3_URI = r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?$"


def _words(given: object) -> object:
    """Several values out of one text, as a variable has them: commas or blanks between."""
    return given.replace(",", " ").split() if isinstance(given, str) else given


PREFIX = "FORENSICS_"
NO_SETTINGS = frozenset({"FORENSICS_DEBUG"})
"""Variables with the prefix that are read elsewhere."""


def files() -> tuple[Path, Path]:
    """The project's file and the user's; either may be missing. The first one wins."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path("forensics.toml"), Path(base).expanduser() / "forensics" / "config.toml"


def _user_data() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "forensics"


class Settings(BaseSettings):
    """What a run may be told once instead of at every call."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="forbid", hide_input_in_errors=True
    )

    store: Annotated[Path, Field(description="folder of the lake")] = Field(default_factory=_user_data)
    memory_limit: Annotated[str, Field(description="the SQL engine spills to disk beyond this")] = "1GB"
    threads: Annotated[int, Field(ge=1, le=64, description="worker threads")] = 2
    engine: Annotated[Literal["duckdb", "spark"], Field(description="what runs the SQL")] = "duckdb"
    master: Annotated[
        str | None, Field(min_length=1, description="URL of the Spark cluster; default: this machine's cores")
    ] = None
    shared: Annotated[
        str | None,
        Field(
            min_length=1, description="folder or URI that all of Spark sees; default: the temporary folder"
        ),
    ] = None
    max_reject_share: Annotated[float, Field(ge=0.0, le=1.0, description="rejected lines tolerated")] = 0.1
    columns: Annotated[
        Literal["full", "lean"], Field(description="lean: no columns of requests that no verdict reads")
    ] = "full"
    requester_pays: Annotated[bool, Field(description="accept the charges of a requester-pays bucket")] = (
        False
    )
    kube_context: Annotated[
        str | None, Field(min_length=1, description="context of the kubeconfig; default: its current one")
    ] = None
    eks_audit_log_group: Annotated[
        tuple[Annotated[str, Field(pattern=_LOG_GROUP)], ...],
        NoDecode,
        BeforeValidator(_words),
        Field(description="CloudWatch log groups of EKS audit logs, by name or ARN"),
    ] = ()
    eks_audit_log_objects: Annotated[
        tuple[Annotated[str, Field(pattern=_S3_URI)], ...],
        NoDecode,
        BeforeValidator(_words),
        Field(description="s3://bucket/prefix of EKS audit logs that Data Firehose delivers"),
    ] = ()
    assume_role: Annotated[
        str | None, Field(pattern=_ROLE_ARN, description="ARN of the IAM role to read buckets as")
    ] = None
    timeline_roles: Annotated[
        tuple[Annotated[str, Field(pattern=_ROLE_ARN)], ...],
        NoDecode,
        BeforeValidator(_words),
        Field(description="ARNs of IAM roles to collect the timeline as, one per account"),
    ] = ()
    trail: Annotated[str | None, Field(description="s3://bucket/prefix of CloudTrail files to collect")] = (
        None
    )
    lookups_per_second: Annotated[
        float | None,
        Field(
            gt=0.0,
            le=1000.0,
            description="calls to CloudTrail's event history a second; default: 2, all that AWS allows an "
            "account and region, so fewer where others look up too",
        ),
    ] = None
    redact: Annotated[
        Mode | None, Field(description="how new stores are redacted; a store keeps to its first way")
    ] = None
    redact_key: Annotated[
        SecretStr | None, Field(min_length=SHORTEST_KEY, description="key of the codes of redact = hash")
    ] = None
    redact_key_file: Annotated[Path | None, Field(description="file that holds that key")] = None
    nightly: Annotated[Nightly, Field(description="what forensics nightly does")] = Field(
        default_factory=Nightly
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of precedence: flags, environment, project file, user file."""
        del dotenv_settings, file_secret_settings
        return (
            init_settings,
            env_settings,
            *(TomlConfigSettingsSource(settings_cls, file) for file in files()),
        )


def load(**flags: object) -> Settings:
    """Settings with the given flags on top; a flag of None is not given.

    Raises:
        ConfigError: a key is unknown or a value cannot be used; names all of them.
    """
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as problem:
        faults = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in problem.errors())
        raise ConfigError(f"settings: {faults}; forensics config validate says where") from problem
    except (OSError, ValueError) as problem:
        raise ConfigError(f"settings: forensics.toml or {files()[1]} cannot be read: {problem}") from problem


def window(since: str | None, until: str | None, now: datetime) -> "Window":
    """A window from RFC 3339 instants or durations back from now (``90m``, ``24h``, ``7d``, ``2h30m``).

    Raises:
        UsageError: a text is neither, or the window is empty.
    """
    from pipeline.model import Window  # noqa: PLC0415 - reading a setting need not wait for Arrow

    span = Window(_instant(since, "--since", now), _instant(until, "--until", now))
    if span.since and span.until and span.since >= span.until:
        raise UsageError(f"--since {since} is not before --until {until}")
    return span


def duration(text: str, option: str) -> timedelta:
    """A duration such as ``90m``, ``14d`` or ``2h30m``.

    Raises:
        UsageError: it is none, or of no length.
    """
    found = _duration(text)
    if not found:
        raise UsageError(f"{option} {text}: no duration; give one such as 90m, 24h or 14d")
    return found


def _duration(text: str) -> timedelta | None:
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    try:
        return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))
    except OverflowError:
        return None


def _instant(text: str | None, option: str, now: datetime) -> datetime | None:
    if text is None:
        return None
    span = _duration(text)
    if span is not None:
        return now - span
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} {text}: neither a duration (90m, 24h, 7d) nor a time such as 2026-03-02T11:00:00Z"
        ) from None
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
