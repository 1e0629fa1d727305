"""The project's SQL, which DuckDB reads, in Spark's words.

sql/ stays the one set of files. Its macros are written out where they are called, with those of
sql/staging/spark.sql for what only DuckDB has; what the two engines answer differently is spelt so that Spark
answers as DuckDB does. Values stay parameters.
"""

import re
from collections.abc import Callable, Sequence
from functools import cache

import sqlglot
from sqlglot import exp

from pipeline import queries
from pipeline.errors import QueryError

Node = exp.Expr
_DIALECT = "databricks"
"""Spark as of its version 4: what sqlglot calls "spark" is 3."""
_WANTED = "is_wanted"
_CONVERSION = re.compile(r"%%|%[-+ 0#]*[0-9]*(?:[.]([0-9]+))?([dfgs])")

Columns = Callable[[str], Sequence[str]]
"""The columns of a table, in order."""


def translated(statement: str, columns: Columns) -> str:
    """A query as Spark reads it; ``$name`` becomes ``:name``.

    Args:
        statement: as DuckDB reads it.
        columns: asked where a query has all columns of a table but for some of them.

    Raises:
        QueryError: it cannot be read.
    """
    try:
        tree = sqlglot.parse_one(statement, read="duckdb")
    except sqlglot.ParseError as problem:
        raise QueryError(f"cannot be put in Spark's words: {problem}") from problem
    tree = _replaced(tree, exp.Anonymous, _without_macro)
    for kind, spell in _SPELLINGS.items():
        tree = _replaced(tree, kind, spell)
    tree = _replaced(tree, exp.Select, lambda node: _listed(node, columns))
    tree = _replaced(tree, exp.Select, _qualified)
    return tree.sql(dialect=_DIALECT, comments=False)


def parameters(translation: str) -> set[str]:
    """Names of the values that a translated query takes."""
    tree = sqlglot.parse_one(translation, read=_DIALECT)
    return {str(one.this) for one in tree.find_all(exp.Placeholder)}


@cache
def _macros() -> dict[str, tuple[list[str], Node]]:
    """By name, the parameters and the body of every macro."""
    found = {}
    for file in ("staging/macros", "staging/spark"):
        for one in sqlglot.parse(queries.read(file), read="duckdb"):
            if isinstance(one, exp.Create):
                name = str(one.this.this.name).lower()
                found[name] = [str(each.name) for each in one.this.expressions], one.expression
    return found


def _replaced(tree: Node, kind: type[Node], spell: Callable[[Node], Node]) -> Node:
    """The tree with every node of a kind spelt anew, the deepest first: one may hold others."""
    for node in reversed(list(tree.find_all(kind))):
        new = spell(node)
        if node is tree:
            tree = new
        elif new is not node:
            node.replace(new)
    return tree


def _without_macro(node: Node) -> Node:
    """A call of a macro becomes the macro's body, in which macros are written out as well."""
    if not isinstance(node, exp.Anonymous) or str(node.name).lower() not in _macros():
        return node
    names, body = _macros()[str(node.name).lower()]
    given = dict(zip(names, node.expressions, strict=True))

    def filled(inner: Node) -> Node:
        is_parameter = isinstance(inner, exp.Column) and not inner.table and str(inner.name) in given
        return exp.paren(given[str(inner.name)].copy()) if is_parameter else inner

    return exp.paren(_replaced(body.copy(), exp.Anonymous, _without_macro).transform(filled))


def _call(name: str, *arguments: Node | str) -> Node:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _is_null(node: Node) -> Node:
    return exp.Is(this=exp.paren(node.copy()), expression=exp.Null())


def _double(text: str) -> Node:
    return exp.cast(exp.Literal.string(text), "double")


def _number(node: Node) -> Node:
    """A number with a point is a double: as decimals the engines would round it differently."""
    is_whole = not isinstance(node, exp.Literal) or node.is_string or re.fullmatch(r"\d+", str(node.this))
    return node if is_whole else exp.cast(node.copy(), "double")


def _quotient(node: Node) -> Node:
    """Something divided by nothing is infinite, where Spark would fail."""
    above, below = node.this, node.expression
    if _is_positive(below):
        return node
    infinite = exp.Mul(this=exp.paren(above.copy()), expression=_double("Infinity"))
    return exp.paren(
        exp.Case()
        .when(exp.EQ(this=exp.paren(below.copy()), expression=exp.Literal.number(0)), infinite)
        .else_(node.copy())
    )


def _is_positive(node: Node) -> bool:
    """Is it surely above zero: a number, or the greatest of something and a number?"""
    if isinstance(node, exp.Greatest):
        return any(map(_is_positive, (node.this, *node.expressions)))
    literal = node.this if isinstance(node, exp.Cast) else node
    return isinstance(literal, exp.Literal) and not literal.is_string and float(str(literal.this)) > 0.0


def _logarithm(node: Node) -> Node:
    """That of nothing is minus infinity, where Spark says NULL."""
    if _is_positive(node.this):
        return node
    is_nothing = exp.EQ(this=exp.paren(node.this.copy()), expression=exp.Literal.number(0))
    return exp.Case().when(is_nothing, _double("-Infinity")).else_(node.copy())


def _value_of_largest(node: Node) -> Node:
    """Rows without a value do not count."""
    value, rank = node.this, node.expression
    known = exp.Case().when(exp.not_(_is_null(value)), rank.copy())
    return _call("max_by", value.copy(), known)


def _percentile(node: Node) -> Node:
    return _call("percentile", node.this.copy(), node.expression.copy())


def _filtered(node: Node) -> Node:
    """Spark has no filter in a window: what is filtered away is NULL there."""
    aggregate, condition = node.this, node.expression.this
    if not isinstance(node.parent, exp.Window):
        return node
    kept = exp.Literal.number(1) if isinstance(aggregate.this, exp.Star) else aggregate.this
    made: type[Node] = type(aggregate)
    return made(this=exp.Case().when(condition.copy(), kept.copy()))


def _formatted(node: Node) -> Node:
    """Text with numbers: NULL where any is, and each of the type that its place takes."""
    if str(node.name).lower() != "printf":
        return node
    template, *values = node.expressions
    # A long one is put together of several.
    text = "".join(str(part.this) for part in template.find_all(exp.Literal, bfs=False))
    conversions = [found for found in _CONVERSION.findall(text) if found[1]]
    if len(conversions) != len(values):
        return _told(template, values)
    typed = [
        _CONVERTED[kind](value, int(precision or 6))
        for value, (precision, kind) in zip(values, conversions, strict=True)
    ]
    plain = _CONVERSION.sub(lambda found: "%s" if found[2] in {"f", "g"} else found[0], text)
    return _told(exp.Literal.string(plain), typed)


def _rounded(value: Node, pattern: str) -> Node:
    """Text of a number, rounded as C does: from what it really is, a tie to the even digit.

    Java's `%f` rounds the shortest decimals that stand for the number, and ties up: 12.5 to 13, 0.35 to 0.4.
    """
    return _call("format_number", exp.cast(value.copy(), "double"), exp.Literal.string(pattern))


def _fixed(value: Node, precision: int) -> Node:
    return _rounded(value, "0." + "0" * precision if precision else "0")


def _short(value: Node, precision: int) -> Node:
    """A number of ordinary size with so many digits and no idle zeros, as C has it for `%g`."""
    rounded = exp.cast(_rounded(value, f"0.{'0' * (precision - 1)}E0"), "double")
    return _call(
        "regexp_replace", exp.cast(rounded, "string"), exp.Literal.string("[.]0$"), exp.Literal.string("")
    )


_CONVERTED: dict[str, Callable[[Node, int], Node]] = {
    "d": lambda value, _: exp.cast(value.copy(), "bigint"),
    "s": lambda value, _: exp.cast(value.copy(), "string"),
    "f": _fixed,
    "g": _short,
}
"""By conversion, the value as Java's formatter takes it."""


def _told(template: Node, values: Sequence[Node]) -> Node:
    some_absent = exp.or_(*map(_is_null, values))
    told = _call("format_string", template.copy(), *(value.copy() for value in values))
    return exp.Case().when(exp.not_(exp.paren(some_absent)), told)


def _never_kept(node: Node) -> Node:
    """`with x as not materialized (...)`: Spark has no other way."""
    node.set("materialized", None)
    return node


def _unpacked(node: Node) -> Node:
    """`(a, b) in (select (a, b) ...)`: the query has two columns."""
    query = node.args.get("query")
    inner = query.this if isinstance(query, exp.Subquery) else query
    if isinstance(inner, exp.Select) and isinstance(node.this, exp.Tuple):
        (only,) = inner.expressions if len(inner.expressions) == 1 else (None,)
        if isinstance(only, exp.Tuple):
            inner.set("expressions", only.expressions)
    return node


def _listed(node: Node, columns: Columns) -> Node:
    """`* replace (...)` of a table: its columns one by one."""
    star = node.expressions[0]
    if not isinstance(star, exp.Star) or not star.args.get("replace"):
        return node
    instead = {one.alias: one for one in star.args["replace"]}
    source = node.args["from_"].this
    listed = [
        instead.get(name) or exp.column(name, table=source.alias_or_name) for name in columns(source.name)
    ]
    node.set("expressions", [*listed, *node.expressions[1:]])
    return node


def _qualified(node: Node) -> Node:
    """Spark before 4.3, which clusters run, has no `qualify`: its condition is a column, tested outside.

    What is selected beside it may be named in it, which a window of Spark's may not: that is written out.
    """
    qualify = node.args.get("qualify")
    if qualify is None:
        return node
    named = {one.alias: one.this for one in node.expressions if isinstance(one, exp.Alias)}

    def filled(each: Node) -> Node:
        is_named = isinstance(each, exp.Column) and not each.table and each.name in named
        return exp.paren(named[each.name].copy()) if is_named else each

    inner = node.copy()
    inner.set("qualify", None)
    inner.append("expressions", exp.alias_(exp.paren(qualify.this.copy().transform(filled)), _WANTED))
    everything = exp.Star(except_=[exp.to_identifier(_WANTED)])
    return exp.select(everything).from_(exp.alias_(exp.paren(inner), "qualified")).where(exp.column(_WANTED))


_SPELLINGS: dict[type[Node], Callable[[Node], Node]] = {
    exp.Literal: _number,
    exp.Div: _quotient,
    exp.Ln: _logarithm,
    exp.ArgMax: _value_of_largest,
    exp.PercentileCont: _percentile,
    exp.Filter: _filtered,
    exp.Anonymous: _formatted,
    exp.In: _unpacked,
    exp.CTE: _never_kept,
}
