"""The TOML header in the comments of an SQL file.

It is shaped like Python's inline script metadata, so the standard library reads it and the file stays plain
SQL.
"""

import re
import tomllib
from typing import Any

from pipeline import queries
from pipeline.errors import QueryError


def read(name: str, kind: str) -> tuple[dict[str, Any], str]:
    """Header and documentation of one file.

    Args:
        name: e.g. ``causes/scale_in``.
        kind: word in the header's first line, e.g. ``cause``.

    Returns:
        The header's values, and the comment below it as one line.

    Raises:
        QueryError: there is no such header, it is no TOML, or its ``id`` is not the file's stem.
    """
    text = queries.read(name)
    match = re.search(rf"^-- /// {kind}\n((?:-- .*\n)+)-- ///$", text, re.MULTILINE)
    if not match:
        raise QueryError(f"sql/{name}.sql: no '-- /// {kind}' header")
    try:
        header = tomllib.loads("\n".join(line[3:] for line in match[1].splitlines()))
    except tomllib.TOMLDecodeError as problem:
        raise QueryError(f"sql/{name}.sql: header: {problem}") from problem
    if header.get("id") != name.rsplit("/", 1)[-1]:
        raise QueryError(f"sql/{name}.sql: header: id is off")
    return header, _comment_below(text[match.end() :])


def _comment_below(text: str) -> str:
    lines = []
    for line in text.strip().splitlines():
        if not line.startswith("--"):
            break
        lines.append(line[2:].strip())
    return " ".join(lines).strip()
