"""Lend the engine's own copy of the training rows to an estimator that would copy it.

scikit-learn's linear models centre a copy of what they are given, unless their
parameter `copy_X` is False. What the engine hands over is its own cut of the table
already, so on large tables the second copy is spared, and the rows are cut again for
the predictions.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

COPYING = "copy_X"  # the parameter of estimators that copy before they overwrite
LARGE = 100_000_000  # bytes of training rows; below, a copy is cheaper than a new cut


@contextlib.contextmanager
def lent(estimator: Any, rows: Any) -> Iterator[bool]:
    """Let the estimator overwrite the rows inside the block, when that spares a copy.

    Parameters
    ----------
    estimator
        About to be fitted; afterwards its parameter is what it was.
    rows
        What it is fitted to: an array that nobody else holds, or a table.

    Yields
    ------
    Whether it may, so that the rows cannot be read again.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> with lent(Ridge(), np.ones((3, 2))) as is_lent:
    ...     is_lent
    False
    """
    if not _spares_a_copy(estimator, rows):
        yield False
        return
    estimator.set_params(**{COPYING: False})
    try:
        yield True
    finally:
        estimator.set_params(**{COPYING: True})


def _spares_a_copy(estimator: Any, rows: Any) -> bool:
    """Return whether the rows are a large array of ours that would be copied."""
    if not isinstance(rows, np.ndarray) or rows.nbytes < LARGE:
        return False
    is_ours = rows.flags.writeable and rows.flags.owndata
    return is_ours and estimator.get_params(deep=False).get(COPYING) is True
