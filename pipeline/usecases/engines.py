"""Where the SQL of a run is run."""

from contextlib import AbstractContextManager, nullcontext

from pipeline.config import Settings
from pipeline.engine import Engine
from pipeline.errors import UsageError
from pipeline.ingest.spread import Spreader


def spreader(engine: Engine | None) -> Spreader | None:
    """What parses on other machines; None: the threads of this process do."""
    return engine if isinstance(engine, Spreader) else None


def shared_folder(settings: Settings, logs: str | None) -> str | None:
    """Where a temporary store has to lie for all machines to see its rows; None: anywhere.

    Raises:
        UsageError: rows would lie on this machine only.
    """
    if settings.engine == "duckdb" or settings.shared is None:
        return None
    if "://" not in settings.shared:
        return settings.shared
    if logs == "-":
        raise UsageError(
            f"--shared {settings.shared}: standard input is read on this machine, whose rows no other sees "
            "there; name a shared folder, or give the logs as a URI"
        )
    return None


def rows_at(engine: Engine) -> str | None:
    """Where the rows of a temporary store lie that other machines fill; None: in its folder."""
    return engine.rows_at if isinstance(engine, Spreader) else None


def reading(settings: Settings) -> AbstractContextManager[Engine | None]:
    """The engine where it reads logs, too. DuckDB does not, and what it takes to load it is left alone.

    Raises:
        UsageError: as for `opened`.
    """
    if settings.engine == "duckdb" and settings.master is None:
        return nullcontext()
    return opened(settings)


def opened(settings: Settings) -> AbstractContextManager[Engine]:
    """The engine that the settings name.

    Raises:
        UsageError: it is not installed, or a cluster is named for DuckDB.
    """
    if settings.engine == "spark":
        try:
            from pipeline.engine.spark import SparkEngine  # noqa: PLC0415 - an extra
        except ImportError as problem:
            raise UsageError("--engine spark needs pyspark: pip install 'forensics[spark]'") from problem
        return SparkEngine(settings.master, settings.shared)
    if settings.master is not None:
        raise UsageError("--master names a Spark cluster: give --engine spark as well, or leave it out")
    from pipeline.engine.duckdb import Engine as DuckDB  # noqa: PLC0415 - Spark need not load it

    return DuckDB(settings.memory_limit, settings.threads)
