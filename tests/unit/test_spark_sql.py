"""The translation of sql/ for Spark, without Spark."""

import duckdb
import pytest
import sqlglot
from sqlglot import exp

from pipeline import queries
from pipeline.engine import spark_sql
from pipeline.errors import QueryError

GROUPS = ("intermediate", "causes", "marts", "report", "audit")


def columns(table: str) -> list[str]:
    return [f"{table}_1", f"{table}_2"]


def translated(query: str) -> str:
    return spark_sql.translated(query, columns)


@pytest.mark.parametrize("name", [name for group in GROUPS for name in queries.names(group)])
def test_no_macro_and_no_function_of_duckdb_is_left(name: str) -> None:
    tree = sqlglot.parse_one(translated(queries.read(name)), read="databricks")
    called = {str(node.name).lower() for node in tree.find_all(exp.Anonymous)}
    assert called <= {
        "conv",
        "format_number",
        "format_string",
        "max_by",
        "percentile",
        "timestamp_micros",
        "unix_micros",
    }


@pytest.mark.parametrize("name", [name for group in GROUPS for name in queries.names(group)])
def test_the_parameters_stay_parameters(name: str) -> None:
    wanted = {
        value for one in duckdb.extract_statements(queries.read(name)) for value in one.named_parameters
    }
    assert spark_sql.parameters(translated(queries.read(name))) == wanted


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("select 0.1 + 0.2 as x", "SELECT CAST(0.1 AS DOUBLE) + CAST(0.2 AS DOUBLE) AS x"),
        ("select 7 // 2 as x", "SELECT 7 DIV 2 AS x"),
        (
            "select a / b as x",
            "SELECT (CASE WHEN (b) = 0 THEN (a) * CAST('Infinity' AS DOUBLE) ELSE a / b END) AS x",
        ),
        ("select a / greatest(b, 1) as x", "SELECT a / GREATEST(b, 1) AS x"),
        (
            "select ln(a) as x",
            "SELECT CASE WHEN (a) = 0 THEN CAST('-Infinity' AS DOUBLE) ELSE LN(a) END AS x",
        ),
        ("select arg_max(a, b) as x", "SELECT MAX_BY(a, CASE WHEN NOT (a) IS NULL THEN b END) AS x"),
        ("select quantile_cont(a, 0.5) as x", "SELECT PERCENTILE(a, CAST(0.5 AS DOUBLE)) AS x"),
        (
            "select max(a) filter (where b) over (order by c) as x",
            "SELECT MAX(CASE WHEN b THEN a END) OVER (ORDER BY c NULLS LAST) AS x",
        ),
        ("select count(*) filter (where b) as x", "SELECT COUNT(*) FILTER(WHERE b) AS x"),
        (
            "with a as not materialized (select 1 as x) select x from a",
            "WITH a AS (SELECT 1 AS x) SELECT x FROM a",
        ),
        (  # NULL tells nothing
            "select printf('%d of 10%%', a) as x",
            (
                "SELECT CASE WHEN NOT ((CAST(a AS BIGINT)) IS NULL) THEN "
                "FORMAT_STRING('%d of 10%%', CAST(a AS BIGINT)) END AS x"
            ),
        ),
        (
            "select 1 from t where (a, b) in (select (c, d) from u)",
            "SELECT 1 FROM t WHERE (a, b) IN (SELECT c, d FROM u)",
        ),
        ("select * replace (0.5 as t_2) from t", "SELECT t.t_1, CAST(0.5 AS DOUBLE) AS t_2 FROM t"),
        (
            "select a || b as x from t qualify row_number() over (partition by x order by c) = 1",
            (
                "SELECT * EXCEPT (is_wanted) FROM (SELECT a || b AS x, "
                "(ROW_NUMBER() OVER (PARTITION BY (a || b) ORDER BY c NULLS LAST) = 1) AS is_wanted "
                "FROM t) AS qualified WHERE is_wanted"
            ),
        ),
        ("select minute_of(at) as x", "SELECT ((UNIX_MICROS(((at)))) DIV 60000000) AS x"),
    ],
)
def test_what_the_engines_read_differently_is_spelt_out(ours: str, theirs: str) -> None:
    assert translated(ours) == theirs


def test_short_numbers_lose_their_idle_zeros() -> None:
    text = translated("select printf('%.4g ' || 's', a) as x")
    assert "FORMAT_STRING('%s s'" in text
    assert "FORMAT_NUMBER(CAST(a AS DOUBLE), '0.000E0')" in text


def test_numbers_are_rounded_as_in_c_beside_texts() -> None:
    text = translated("select printf('%s: %.0f %% of %.1f', a, b, c) as x")
    assert "FORMAT_STRING('%s: %s %% of %s', CAST(a AS STRING)" in text
    assert "FORMAT_NUMBER(CAST(b AS DOUBLE), '0')" in text
    assert "FORMAT_NUMBER(CAST(c AS DOUBLE), '0.0')" in text


def test_a_macro_may_be_called_within_its_own_arguments() -> None:
    text = translated("select seconds_after(seconds_after(at, 1.0), 2.0) as x")
    assert text.count("UNIX_MICROS") == 2
    assert "seconds_after" not in text.lower()


def test_what_is_no_query_is_refused_with_a_reason() -> None:
    with pytest.raises(QueryError, match="Spark"):
        translated("select from where")
