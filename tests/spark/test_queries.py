"""Every query of sql/ on Spark, over the tables of the demo, against DuckDB's answer."""

from collections.abc import Iterator
from datetime import UTC, datetime

import polars as pl
import polars.selectors as cs
import pytest

from pipeline import queries
from pipeline.attribute import findings
from pipeline.config import Settings
from pipeline.engine import Engine
from pipeline.usecases.incident import Question, investigate
from tests.support.engines_compared import differences
from tests.support.spread_work import doubled

pytestmark = pytest.mark.spark

GROUPS = ("intermediate", "causes", "marts", "report", "audit")
QUERIES = [name for group in GROUPS for name in queries.names(group)]
APPROXIMATE = {"report/latency_over_time": frozenset({"median_s", "p95_s", "p99_dispatch_s"})}
"""Quantiles that each engine approximates in its own way."""


@pytest.fixture(scope="module")
def duck() -> Iterator[Engine]:
    folder = queries.demo_folder()
    question = Question(logs=str(folder / "logs"), timeline=folder / "timeline")
    with investigate(question, Settings()) as incident:
        findings.find(incident.engine)
        yield incident.engine


@pytest.fixture(scope="module")
def spark(duck: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    from pipeline.engine.spark import SparkEngine

    with SparkEngine("local[2]", str(tmp_path_factory.mktemp("shared"))) as engine:
        for (name,) in duck.ask("select table_name from information_schema.tables").rows():
            # DuckDB's sums of whole numbers are wider than Spark has any: they come as decimals.
            engine.attach(name, duck.table(name).with_columns(cs.by_dtype(pl.Decimal(38, 0)).cast(pl.Int64)))
        yield engine


@pytest.fixture(scope="module")
def values(duck: Engine) -> dict[str, object]:
    return {
        "since": None,
        "until": None,
        "first_at": datetime(2026, 1, 1, tzinfo=UTC),
        "last_at": datetime(2027, 1, 1, tzinfo=UTC),
        "bucket_minutes": 5,
        "row_limit": 25,
        "request_id": duck.table("gateway_errors")["request_id"].min(),
    }


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_gives_the_same_rows_on_both_engines(
    name: str, duck: Engine, spark: Engine, values: dict[str, object]
) -> None:
    ours, theirs = spark.frame(name, values), duck.frame(name, values)
    assert not differences(ours, theirs, APPROXIMATE.get(name, frozenset()))


def test_numbers_in_sentences_are_rounded_alike(duck: Engine, spark: Engine) -> None:
    """What they really are, ties to the even digit: where Java's own way gives 13, 0.4, 0.3 and 2.68."""
    numbers = pl.DataFrame({"x": [12.5, 0.35, 0.25, 2.675, 13.5, 1234.5, -0.5, 99.95]})
    asked = (
        "select x, printf('%.0f %.1f %.2f %.4g %s %%', x, x, x, x, 'of 5') as told from numbers order by x"
    )
    for engine in (duck, spark):
        engine.attach("numbers", numbers)
    assert spark.ask(asked).equals(duck.ask(asked))
    told = dict(spark.ask(asked).rows())
    assert (told[12.5], told[0.35]) == ("12 12.5 12.50 12.5 of 5 %", "0 0.3 0.35 0.35 of 5 %")


def test_a_kept_table_may_be_made_anew_from_what_it_held(spark: Engine) -> None:
    spark.attach("sightings", pl.DataFrame({"target_ip": ["10.0.0.1"]}))
    spark.attach("sightings", spark.table("sightings").with_columns(pl.lit(1).alias("one")))
    assert spark.table("sightings").rows() == [("10.0.0.1", 1)]


def test_work_is_spread_a_task_a_piece(spark: Engine) -> None:
    from pipeline.engine.spark import SparkEngine

    assert isinstance(spark, SparkEngine)
    assert sorted(spark.spread(doubled, [b"a", b"b", b"c"])) == [b"aa", b"bb", b"cc"]
