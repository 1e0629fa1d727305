"""Finds and reads SQL files and report templates: the only module that knows where they are.

In a wheel they lie inside the package; in a checkout beside it. The package is asked first, because
a folder called ``sql`` beside an installed package could be anyone's.
"""

from functools import cache
from importlib.resources import files
from pathlib import Path

from pipeline.errors import QueryError

_PACKAGE = Path(str(files("pipeline")))
_CHECKOUT = _PACKAGE.parent


def _folder(packaged: str, in_checkout: str) -> Path:
    inside = _PACKAGE / packaged
    return inside if inside.is_dir() else _CHECKOUT / in_checkout


def sql_folder() -> Path:
    """Folder of the SQL files."""
    return _folder("sql", "sql")


def template_folder() -> Path:
    """Folder of the report's templates."""
    return _folder("report_templates", "reports/templates")


def demo_folder() -> Path:
    """Folder of the bundled incident."""
    return _folder("demo", "fixtures/demo")


@cache
def read(name: str) -> str:
    """Text of one SQL file, e.g. ``intermediate/gateway_errors``.

    Raises:
        QueryError: there is no such file.
    """
    path = sql_folder() / f"{name}.sql"
    try:
        return path.read_text(encoding="utf-8")
    except OSError as problem:
        raise QueryError(f"{path}: {problem.strerror}; is the installation complete?") from problem


def names(group: str) -> list[str]:
    """Names of all SQL files in one folder of sql/, sorted."""
    return sorted(f"{group}/{path.stem}" for path in (sql_folder() / group).glob("*.sql"))
