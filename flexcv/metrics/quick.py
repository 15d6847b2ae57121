"""The commonest scores of numbers without scikit-learn's checks, digit by digit the same.

Checks of arguments cost a third of a millisecond a score, which counts where a thousand
folds are scored. What these do not take, or find to be no number, is left to
scikit-learn, which says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import sklearn.metrics as skm

from flexcv.arrays import FloatArray


def quick_score(function: Any, y_true: Any, y_pred: Any) -> float | None:
    """Return what scikit-learn's function would give, None where it has to be asked.

    Parameters
    ----------
    function
        A metric's.
    y_true, y_pred
        Two arrays of numbers, shape (n_rows,); anything else is not taken.

    Examples
    --------
    >>> import numpy as np
    >>> quick_score(skm.mean_squared_error, np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    2.0
    >>> quick_score(skm.median_absolute_error, np.array([1.0]), np.array([1.0]))
    """
    for known, quick in QUICK:
        if function is known and _are_numbers(y_true, y_pred):
            value = quick(y_true[:, None], y_pred[:, None])
            return value if math.isfinite(value) else None
    return None


def _are_numbers(*arrays: Any) -> bool:
    plain = all(
        type(array) is np.ndarray and array.dtype == np.float64 and array.ndim == 1
        for array in arrays
    )
    return plain and len({len(array) for array in arrays}) == 1 and len(arrays[0]) > 1


def _mse(y_true: FloatArray, y_pred: FloatArray) -> float:
    return float(_squares(y_true, y_pred).mean(axis=0)[0])


def _mae(y_true: FloatArray, y_pred: FloatArray) -> float:
    error = y_pred - y_true
    return float(np.abs(error, out=error).mean(axis=0)[0])


def _rmse(y_true: FloatArray, y_pred: FloatArray) -> float:
    return float(np.sqrt(_mse(y_true, y_pred)))


def _r2(y_true: FloatArray, y_pred: FloatArray) -> float:
    spread = float(_squares(y_true, y_true.mean(axis=0)).sum(axis=0)[0])
    if spread == 0.0:
        return math.nan
    return 1.0 - float(_squares(y_true, y_pred).sum(axis=0)[0]) / spread


def _squares(left: FloatArray, right: FloatArray) -> FloatArray:
    error = left - right
    error *= error
    return error


QUICK: tuple[tuple[Callable[..., float], Callable[..., float]], ...] = (
    (skm.r2_score, _r2),
    (skm.mean_squared_error, _mse),
    (skm.mean_absolute_error, _mae),
    (skm.root_mean_squared_error, _rmse),
)
