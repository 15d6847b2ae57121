"""Tables of other libraries, and columns called by what the user calls them."""

from __future__ import annotations

import os
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd


def as_pandas(value: Any, role: str) -> Any:
    """Return a table or column of another library as pandas has it.

    Parameters
    ----------
    value
        Anything; a polars frame or series, a pyarrow table or column and a duckdb
        relation become a DataFrame or Series, everything else stays as it is.
    role
        The argument's name, for the message.

    Raises
    ------
    TypeError
        When it is a sparse matrix, whose columns have no names, a table that is not
        computed yet, or the name of a file.

    Examples
    --------
    >>> as_pandas([1.0, 2.0], "y")
    [1.0, 2.0]
    """
    if isinstance(value, pd.DataFrame | pd.Series | pd.Index | np.ndarray):
        return value
    if hasattr(value, "tocsr"):
        raise TypeError(
            f"`{role}` must be a table or an array, got a sparse matrix; pass "
            f"{role}.toarray(), or pd.DataFrame.sparse.from_spmatrix({role}) for "
            "learners that read sparse columns."
        )
    if callable(getattr(value, "collect", None)):
        raise TypeError(
            f"`{role}` must be a table or an array, got a {type(value).__name__}, "
            f"which is not computed yet; pass {role}.collect()."
        )
    if role == "X" and isinstance(value, str | os.PathLike):
        raise TypeError(
            f"`X` must be a table or an array, got the text {str(value)!r}; read the "
            "file first, for example by pd.read_csv."
        )
    for name in ("to_pandas", "to_df"):  # polars and pyarrow, duckdb
        convert = getattr(value, name, None)
        if callable(convert) and not isinstance(value, type):
            return _with_plain_names(convert())
    return value


def _with_plain_names(converted: Any) -> Any:
    if isinstance(converted, pd.Series) and converted.name == "":
        return converted.rename(None)
    return converted


def names_called(value: Any, table: Any) -> Any:
    """Return names of columns as texts, where a value names columns of a table.

    Parameters
    ----------
    value
        What the user gave for target, groups or slopes.
    table
        The table, with the names that the user knows; other tables have none.

    Returns
    -------
    One text, a list of texts, or the value as it was.

    Examples
    --------
    >>> table = pd.DataFrame({2024: [1], ("a", "b"): [2], "x": [3]})
    >>> names_called(2024, table), names_called([("a", "b"), "x"], table)
    ('2024', ["('a', 'b')", 'x'])
    >>> names_called([5.0], table)
    [5.0]
    """
    if not isinstance(table, pd.DataFrame) or isinstance(value, str):
        return value
    if is_name(value, table):
        return str(value)
    if not isinstance(value, list | tuple) or len(value) in {0, len(table)}:
        return value
    if all(is_name(entry, table) for entry in value):
        return [str(entry) for entry in value]
    return value


def is_name(value: Any, table: pd.DataFrame) -> bool:
    """Whether a value is the name of a column; a truth value is none."""
    if isinstance(value, bool) or not isinstance(value, Hashable):
        return False
    return value in table.columns


def column_meant(role: str, value: Any) -> str | None:
    """Return the name of one column as a text, before the table is known.

    Parameters
    ----------
    role
        The argument's name, for the message.
    value
        A text, a number or a tuple that names a column; None names none.

    Examples
    --------
    >>> column_meant("time", "date"), column_meant("time", 2024)
    ('date', '2024')
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, Hashable):
        raise TypeError(
            f"`{role}` must be the name of a column, got {type(value).__name__}; pass "
            f"the column to set_data(extra=...) and its name as `{role}`."
        )
    return str(value)
