"""Rows of tables, and of arguments that hold a value per row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from .arrays import IntArray


def take_rows(X: Any, rows: IntArray) -> Any:
    """Keep rows of a table or an array."""
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]


def take_arguments(
    arguments: Mapping[str, Any], rows: IntArray, n_rows: int
) -> dict[str, Any]:
    """Keep rows of those arguments of `fit` that hold a value per row.

    Parameters
    ----------
    arguments
        Arguments of `fit`; one with `n_rows` entries has a value per row.
    rows
        Positions to keep.
    n_rows
        Rows of the table.

    Examples
    --------
    >>> take_arguments({"weight": [1, 2, 3], "copy": True}, np.array([2, 0]), 3)
    {'weight': [3, 1], 'copy': True}
    """
    return {name: _cut(value, rows, n_rows) for name, value in arguments.items()}


def _cut(value: Any, rows: IntArray, n_rows: int) -> Any:
    if isinstance(value, pd.Series | pd.DataFrame) and len(value) == n_rows:
        return value.iloc[rows]
    if isinstance(value, np.ndarray) and value.shape[:1] == (n_rows,):
        return value[rows]
    if isinstance(value, list | tuple) and len(value) == n_rows:
        return [value[row] for row in rows]
    return value
