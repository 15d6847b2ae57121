"""Sums over the rows of each level, values given back to rows, and small inverses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flexcv.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Which level each row belongs to; sorted rows are summed faster.

    Attributes
    ----------
    codes
        The level of each row.
    n_levels
        How many levels there are.
    starts
        The first row of each level, where rows are sorted and no level is empty.
    counts
        Rows of each level.

    Examples
    --------
    >>> levels = learn_levels(np.array([0, 0, 1]))
    >>> levels.sum(np.array([1.0, 2.0, 5.0]))
    array([3., 5.])
    >>> levels.spread(np.array([7.0, 8.0]))
    array([7., 7., 8.])
    """

    codes: IntArray
    n_levels: int
    starts: IntArray | None
    counts: IntArray

    def sum(self, values: FloatArray) -> FloatArray:
        """Sum over the rows of each level."""
        if self.starts is not None:
            return np.asarray(np.add.reduceat(values, self.starts))
        return np.bincount(self.codes, values, self.n_levels).astype(float, copy=False)

    def spread(self, values: FloatArray) -> FloatArray:
        """Return each row the value of its level."""
        if self.starts is not None:
            return np.repeat(values, self.counts)
        return np.asarray(values[self.codes])


def learn_levels(codes: IntArray, n_levels: int | None = None) -> Levels:
    """Count the rows of each level."""
    size = int(codes.max()) + 1 if n_levels is None else n_levels
    counts = np.bincount(codes, minlength=size)
    if (np.diff(codes) >= 0).all() and (counts > 0).all():
        return Levels(codes, size, np.cumsum(counts) - counts, counts)
    return Levels(codes, size, None, counts)


def inverse_and_log_det(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Invert positive definite matrices, one per level, all at once.

    Parameters
    ----------
    matrix
        Shape (q, q, levels).

    Returns
    -------
    The inverses and the logarithm of each determinant.

    Examples
    --------
    >>> inverse, log_det = inverse_and_log_det(np.full((1, 1, 2), 4.0))
    >>> inverse.ravel(), log_det.round(4)
    (array([0.25, 0.25]), array([1.3863, 1.3863]))
    """
    q = len(matrix)
    if q == 1:
        return 1.0 / matrix, np.log(matrix[0, 0])
    left, log_det = matrix.copy(), np.zeros(matrix.shape[2])
    inverse = np.broadcast_to(np.eye(q)[:, :, None], matrix.shape).copy()
    for k in range(q):
        pivot = left[k, k].copy()
        log_det += np.log(pivot)
        left[k] /= pivot
        inverse[k] /= pivot
        for i in range(q):
            if i != k:
                ratio = left[i, k].copy()
                left[i] -= ratio * left[k]
                inverse[i] -= ratio * inverse[k]
    return inverse, log_det
