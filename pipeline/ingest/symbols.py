"""Text columns of few values as dictionaries."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.ingest.arrow import Column, Encoded, TextColumn
from pipeline.model import SYMBOL


def encoded(column: TextColumn) -> Encoded:
    """The column as a dictionary; a comparison, not a dictionary, tells that it holds one value or none."""
    if column.null_count == len(column):
        return pa.nulls(len(column), SYMBOL)
    first: Column = column[0]
    if not column.null_count and first == column[-1] and pc.all(pc.equal(column, first)).as_py():
        return constant(first.as_py(), len(column))
    return column.dictionary_encode()


def constant(value: str | None, rows: int) -> Encoded:
    """A column with the same value in every row."""
    if value is None:
        return pa.nulls(rows, SYMBOL)
    # Not checked: to look whether every zero lies within the dictionary takes twice as long as to make it.
    return pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), pa.array([value]), safe=False)
