"""Where the rows of a run lie that other machines read."""

import pytest

from pipeline.config import Settings
from pipeline.engine.duckdb import Engine
from pipeline.errors import UsageError
from pipeline.usecases import engines

URI = "s3a://bucket/work"


@pytest.mark.parametrize(
    ("settings", "folder"),
    [
        (Settings(shared="/mnt/work"), None),  # DuckDB reads what it reads itself
        (Settings(engine="spark"), None),
        (Settings(engine="spark", shared="/mnt/work"), "/mnt/work"),
        (Settings(engine="spark", shared=URI), None),
    ],
)
def test_a_temporary_store_lies_in_the_folder_that_is_shared(settings: Settings, folder: str | None) -> None:
    assert engines.shared_folder(settings, "s3://logs/prefix") == folder


def test_standard_input_needs_a_folder_where_it_is_read() -> None:
    assert engines.shared_folder(Settings(engine="spark", shared="/mnt/work"), "-") == "/mnt/work"
    with pytest.raises(
        UsageError, match="--shared s3a://bucket/work: standard input is read on this machine"
    ):
        engines.shared_folder(Settings(engine="spark", shared=URI), "-")


def test_duckdb_has_its_rows_beside_the_ledger() -> None:
    with Engine() as engine:
        assert engines.rows_at(engine) is None
