"""Where the SQL of a run is run."""

from contextlib import AbstractContextManager, nullcontext

from pipeline.config import Settings
from pipeline.engine import Engine
from pipeline.errors import UsageError
from pipeline.ingest.spread import Spreader


def spreader(engine: Engine | None) -> Spreader | None:
    """What parses on other machines; None: the threads of this process do."""
    return engine if isinstance(engine, Spreader) else None


def shared_folder(settings: Settings) -> str | None:
    """Where a temporary store has to lie for all machines to see it; None: anywhere.

    Raises:
        UsageError: it is no folder.
    """
    if settings.engine == "duckdb" or settings.shared is None:
        return None
    if "://" in settings.shared:
        raise UsageError(
            f"--shared {settings.shared}: logs are read into a folder that all machines see, and this is "
            "none; name a shared folder, or pull the logs into a --store that lies in one"
        )
    return settings.shared


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
