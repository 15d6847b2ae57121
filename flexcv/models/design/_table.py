"""From what a caller passes as X to a table whose columns have names."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import get_tags
from sklearn.utils.validation import validate_data

from flexcv._checks import near_miss
from flexcv.models.design.validate import require_unique_columns


def training_table(
    estimator: Any, X: Any, y: Any, *, named: bool
) -> tuple[pd.DataFrame, Any]:
    """Return the training table and target; remember the features' names.

    Parameters
    ----------
    estimator
        Gets ``n_features_in_`` and, for named columns, ``feature_names_in_``.
    X, y
        What was passed to ``fit``.
    named
        Whether the estimator names columns of `X`.
    """
    if isinstance(X, pd.DataFrame) and (named or not _all_numbers(X)):
        require_unique_columns(X)
        _require_rows(X)
        if y is None:
            raise ValueError(
                "`fit` requires y to be passed, but the target y is None; pass `y`."
            )
        validate_data(estimator, X, skip_check_array=True, reset=True)
        return X, y
    if named and np.ndim(X) != 2:
        _refuse_unnamed(X)
    values, target = validate_data(
        estimator,
        X,
        y,
        y_numeric=True,
        dtype=np.float64,
        reset=True,
        ensure_all_finite=_finite(estimator),
    )
    return pd.DataFrame(values, columns=_names(estimator, values)), target


def prediction_table(estimator: Any, X: Any) -> pd.DataFrame:
    """Return a table for prediction, with the columns that training had."""
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None and isinstance(X, pd.DataFrame):
        named = estimator.random_encoder_.factors or _has_formula(estimator)
        if named or not _all_numbers(X):
            _require_columns(estimator, X)
            return X
    elif names is not None and estimator.random_encoder_.factors:
        _refuse_unnamed(X)
    values = validate_data(
        estimator,
        X,
        dtype=np.float64,
        reset=False,
        ensure_all_finite=_finite(estimator),
        ensure_min_samples=0,
    )
    return pd.DataFrame(values, columns=_names(estimator, values))


def _finite(estimator: Any) -> bool | str:
    return "allow-nan" if get_tags(estimator).input_tags.allow_nan else True


def _names(estimator: Any, values: Any) -> Any:
    names = getattr(estimator, "feature_names_in_", None)
    return range(values.shape[1]) if names is None else names


def _all_numbers(table: pd.DataFrame) -> bool:
    return all(
        isinstance(dtype, np.dtype) and dtype.kind in "fiub" for dtype in table.dtypes
    )


def _require_rows(table: pd.DataFrame) -> None:
    if len(table) < 2:
        raise ValueError(
            f"`X` must have at least two rows, got n_samples = {len(table)}; "
            "pass more rows."
        )


def _refuse_unnamed(X: Any) -> None:
    raise TypeError(
        "`X` must be a DataFrame because the model names columns of it, got "
        f"{type(X).__name__}; keep the table's columns through every step before."
    )


def _require_columns(estimator: Any, table: pd.DataFrame) -> None:
    read = getattr(estimator, "_columns_read", lambda: estimator.feature_names_in_)()
    for name in estimator.feature_names_in_:
        if name in read and name not in table.columns:
            hint = near_miss(name, table.columns) or "; pass the training columns."
            raise ValueError(
                f"column {name!r} was in training but is not in this table{hint}"
            )


def _has_formula(estimator: Any) -> bool:
    return getattr(estimator, "formula", None) is not None
