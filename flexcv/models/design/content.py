"""An order of features that does not hang on where they stand in a table."""

from __future__ import annotations

from zlib import crc32

import numpy as np

from flexcv.arrays import FloatArray, IntArray


def order_by_content(values: FloatArray) -> IntArray:
    """Order features by what they hold, wherever they stand in a table.

    Of features that split alike trees take the first, and networks draw weights by
    place; in this order both are the same for every order of a table's columns. Only
    how the values of a feature are ordered counts, so that another unit changes
    nothing.

    Parameters
    ----------
    values
        Shape (n_rows, n_features); NaN is missing.

    Examples
    --------
    >>> one, other = np.array([3.0, 1.0, 2.0]), np.array([1.0, 2.0, 3.0])
    >>> there, back = np.stack([one, other], 1), np.stack([other, 10 * one], 1)
    >>> bool((order_by_content(there) == 1 - order_by_content(back)).all())
    True
    """
    return np.argsort([_checksum(column) for column in values.T], kind="stable")


def _checksum(column: FloatArray) -> int:
    _, ranks = np.unique(column, return_inverse=True)
    return crc32(ranks.astype(np.int64).tobytes())
