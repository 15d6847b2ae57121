"""Checks on tables and columns, each failing with one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flexcv._checks import near_miss
from flexcv.arrays import FloatArray

MIXED = ("mixed", "mixed-integer")
TEXT_LIKE = ("string", "categorical", "empty")


def require_column(table: pd.DataFrame, name: object, role: str) -> None:
    """Refuse a name that is no column of the table."""
    if name not in table.columns:
        hint = near_miss(name, table.columns) or "; check the name."
        raise ValueError(
            f"`{role}` names column {name!r}, which is not in the table{hint}"
        )


def require_unique_columns(table: pd.DataFrame) -> None:
    """Refuse a table in which one name stands for two columns."""
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise ValueError(
            f"column names must be unique, got {twice!r} more than once; rename one."
        )


def numeric_values(column: pd.Series, name: object) -> FloatArray:
    """Return a numeric column as floats, without missing or infinite values."""
    values = _as_float(column, name)
    # One sum tells: it is finite unless some value is not (or the sum overflows).
    with np.errstate(over="ignore"):
        total = values.sum()
    if not np.isfinite(total) and not np.isfinite(values).all():
        kind = "missing" if np.isnan(values).any() else "infinite"
        raise ValueError(
            f"column {name!r} must be finite, got {kind} values; "
            "fill them or drop the rows."
        )
    return values


def is_categorical(column: pd.Series) -> bool:
    """Return whether a column holds labels; refuse what is neither label nor number."""
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "fiub":
        return False
    require_one_kind(column)
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind.startswith(("datetime", "date", "timedelta", "period", "complex")):
        raise TypeError(
            f"column {column.name!r} must hold numbers or labels, got {kind} values; "
            "convert it to numbers."
        )
    return kind in TEXT_LIKE


def require_one_kind(column: pd.Series) -> None:
    """Refuse a column in which numbers and text are mixed."""
    if column.dtype != object:
        return
    if pd.api.types.infer_dtype(column, skipna=True) in MIXED:
        raise TypeError(
            f"column {column.name!r} must hold one kind of value, got a mixture of "
            "numbers and text; convert it to one kind."
        )


def require_no_missing(column: pd.Series, role: str) -> None:
    """Refuse missing labels."""
    if column.isna().any():
        raise ValueError(
            f"{role} column {column.name!r} must have a label in every row, got "
            "missing values; fill them or drop the rows."
        )


def target_values(y: Any, n_rows: int) -> FloatArray:
    """Return the target as a finite float vector of the right length."""
    values = np.asarray(y)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(
            f"`y` must be one-dimensional, got shape {values.shape}; pass one column."
        )
    if len(values) != n_rows:
        raise ValueError(
            f"`y` has {len(values)} rows but `X` has {n_rows}; "
            "pass one target value per row of `X`."
        )
    if values.dtype.kind not in "fiub":
        values = _text_to_float(values)
    target = np.ascontiguousarray(values, dtype=np.float64)
    if not np.isfinite(target).all():
        raise ValueError(
            "`y` must be finite, got missing or infinite values; drop these rows."
        )
    return target


def sample_weights(sample_weight: Any, n_rows: int) -> FloatArray:
    """Return weights as floats from zero on, one per row, some of them positive."""
    values = np.asarray(sample_weight, dtype=np.float64)
    if values.ndim == 0:
        values = np.full(n_rows, float(values))
    if values.shape != (n_rows,):
        raise ValueError(
            f"`sample_weight` must hold one number per row of `X`, here {n_rows}, got "
            f"shape {values.shape}; pass one weight per row."
        )
    if not (np.isfinite(values).all() and (values >= 0.0).all() and values.any()):
        raise ValueError(
            "`sample_weight` must be finite and not negative, and not zero in every "
            "row, got other values; check the weights."
        )
    return values


def _text_to_float(values: npt.NDArray[Any]) -> FloatArray:
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"`y` must be numeric, got values such as {values.tolist()[0]!r}; "
            "convert them to numbers."
        ) from error


def _as_float(column: pd.Series, name: object) -> FloatArray:
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize == 8:
        return np.asarray(column)
    try:
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"column {name!r} must be numeric, got {dtype} values; "
            "convert it to numbers."
        ) from error
