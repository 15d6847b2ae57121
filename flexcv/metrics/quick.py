"""The commonest scores of numbers without scikit-learn's checks, digit by digit.

Checks of arguments cost a third of a millisecond a score, which counts where a thousand
folds are scored. What these do not take, or find to be no number, is left to
scikit-learn, which says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import sklearn.metrics as skm

from flexcv.arrays import FloatArray


class QuickScores:
    """Scores of the same rows, which share what they are calculated from.

    Parameters
    ----------
    y_true, y_pred
        Two arrays of numbers, shape (n_rows,); of anything else there are no scores.

    Examples
    --------
    >>> scores = QuickScores(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    >>> scores.of(skm.mean_squared_error), scores.of(skm.median_absolute_error)
    (2.0, None)
    """

    def __init__(self, y_true: Any, y_pred: Any) -> None:
        self._known = _are_numbers(y_true, y_pred)
        self._true, self._predicted = y_true, y_pred

    def of(self, function: Any) -> float | None:
        """Return what scikit-learn's function gives, None where it must be asked."""
        if not self._known:
            return None
        for known, quick in QUICK:
            if function is known:
                value = quick(self)
                return value if math.isfinite(value) else None
        return None

    def mse(self) -> float:
        """Return the mean of squared errors."""
        return self._sum_of_squares / len(self._true)

    def rmse(self) -> float:
        """Return the root of the mean of squared errors."""
        return float(np.sqrt(self.mse()))

    def mae(self) -> float:
        """Return the mean of absolute errors."""
        return float(np.abs(self._error, out=self._room).mean(axis=0)[0])

    def r2(self) -> float:
        """Return the share of the spread that is explained; NaN without spread."""
        true = self._true[:, None]
        from_mean = np.subtract(true, true.mean(axis=0), out=self._room)
        spread = float(np.multiply(from_mean, from_mean, out=from_mean).sum(axis=0)[0])
        if spread == 0.0:
            return math.nan
        return 1.0 - self._sum_of_squares / spread

    @cached_property
    def _error(self) -> FloatArray:
        # As a column, as scikit-learn has it: numpy may add a row in another order.
        return np.asarray((self._true - self._predicted)[:, None])

    @cached_property
    def _room(self) -> FloatArray:
        """Room to calculate in, which is dear to ask for again and again."""
        return np.empty_like(self._error)

    @cached_property
    def _sum_of_squares(self) -> float:
        squares = np.multiply(self._error, self._error, out=self._room)
        return float(squares.sum(axis=0)[0])


def _are_numbers(*arrays: Any) -> bool:
    plain = all(
        type(array) is np.ndarray and array.dtype == np.float64 and array.ndim == 1
        for array in arrays
    )
    return plain and len({len(array) for array in arrays}) == 1 and len(arrays[0]) > 1


QUICK: tuple[tuple[Callable[..., float], Callable[[QuickScores], float]], ...] = (
    (skm.r2_score, QuickScores.r2),
    (skm.mean_squared_error, QuickScores.mse),
    (skm.mean_absolute_error, QuickScores.mae),
    (skm.root_mean_squared_error, QuickScores.rmse),
)
