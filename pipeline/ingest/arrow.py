"""Names for Arrow's columns in annotations.

The stubs of pyarrow lag behind it: a column's kind is lost with every computation, and some calls that
exist are unknown. What a column is stands in the schema, which every table is built with.
"""

from typing import Any, TypeAlias

Column: TypeAlias = Any
"""A column in one piece."""

Encoded: TypeAlias = Any
"""A column of few values: numbers, and the dictionary that they point into."""

TextColumn: TypeAlias = Any
"""A column of text in one piece."""

Stream: TypeAlias = Any
"""Bytes that Arrow reads from."""

Argument: TypeAlias = Any
"""An argument that the stubs take for something else."""

Numbers: TypeAlias = Any
"""A column as a numpy array of numbers."""
