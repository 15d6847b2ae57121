"""Rows with missing values: found, left out, and NaN in what is predicted."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flexcv.arrays import BoolArray

Rows = BoolArray


def complete_rows(X: Any, names: Collection[Any] | None = None) -> Rows:
    """Return which rows have a value in every column, or in those named.

    Examples
    --------
    >>> complete_rows(pd.DataFrame({"x": [1.0, None], "z": [None, 2.0]}), ["x"])
    array([ True, False])
    """
    table = X if isinstance(X, pd.DataFrame) else pd.DataFrame(X)
    if names is not None:
        table = table[[name for name in table.columns if name in names]]
    return np.asarray(table.notna().all(axis=1))


def without_gaps(X: Any, y: Any, names: Collection[Any] | None) -> tuple[Any, Any, int]:
    """Leave out rows that lack a value or the target; give their number, too.

    Parameters
    ----------
    X, y
        A table and its target.
    names
        The columns that count, None for all.
    """
    kept = complete_rows(X, names)
    target = y if hasattr(y, "shape") else np.asarray(y)
    if len(target) != len(kept):
        return X, y, 0  # refused where lengths are checked
    kept = kept & complete_rows(target)
    if kept.all():
        return X, y, 0
    rows = X if hasattr(X, "shape") else np.asarray(X)
    return rows[kept], target[kept], int((~kept).sum())


def with_gaps(
    X: Any,
    names: Collection[Any],
    predict: Callable[[Any], npt.NDArray[Any]],
    width: tuple[int, ...] = (),
) -> npt.NDArray[Any]:
    """Predict the complete rows and give NaN for the others.

    Parameters
    ----------
    X
        A table.
    names
        The columns that count.
    predict
        Gives one value, or `width` of them, per row of a table.
    """
    kept = complete_rows(X, names)
    if kept.all():
        return predict(X)
    found = predict(X[kept]) if kept.any() else np.zeros((0, *width))
    places = np.cumsum(kept) - 1
    if not len(found):
        return np.full((len(kept), *width), np.nan)
    return blanked(found[places], ~kept)


def blanked(values: npt.NDArray[Any], rows: Rows) -> npt.NDArray[Any]:
    """Return values with NaN in the given rows; labels become objects.

    Examples
    --------
    >>> blanked(np.array(["a", "b"]), np.array([False, True])).tolist()
    ['a', nan]
    """
    kind = np.float64 if values.dtype.kind == "f" else object
    filled: npt.NDArray[Any] = values.astype(kind)
    filled[rows] = np.nan
    return filled
