"""From theta to covariance matrices of random effects, and back.

The effects b of one level have covariance sigma^2 D with D = Lambda Lambda'; Lambda
is lower triangular and theta stacks its free entries by columns (Bates, Maechler,
Bolker & Walker 2015, section 2.2). Effects of different blocks are independent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from flexcv.arrays import FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class CovarianceShape:
    """Which entries of one factor's Lambda are free.

    Parameters
    ----------
    blocks
        Sizes of the sets of correlated effects, in order.

    Examples
    --------
    >>> shape = covariance_shape((2,))
    >>> shape.factor(np.array([1.0, 0.5, 2.0]))
    array([[1. , 0. ],
           [0.5, 2. ]])
    >>> covariance_shape((1, 1)).n_theta
    2
    """

    blocks: tuple[int, ...]
    rows: IntArray
    cols: IntArray
    twice_same_column: FloatArray

    @property
    def n_effects(self) -> int:
        """How many effects each level has."""
        return sum(self.blocks)

    @property
    def n_theta(self) -> int:
        """How many entries are free."""
        return len(self.rows)

    def factor(self, theta: FloatArray) -> FloatArray:
        """Return Lambda from theta."""
        size = self.n_effects
        factor = np.zeros((size, size))
        factor[self.rows, self.cols] = theta
        return factor

    def theta(self, factor: FloatArray) -> FloatArray:
        """Return theta from Lambda."""
        return factor[self.rows, self.cols]

    def directions(self, factor: FloatArray) -> FloatArray:
        """Return dD/dtheta, shape (theta, effects, effects)."""
        half = np.zeros((len(self.rows), len(factor), len(factor)))
        half[np.arange(len(self.rows)), self.rows] = factor.T[self.cols]
        return half + half.transpose(0, 2, 1)

    def curvature(self, gradient: FloatArray) -> FloatArray:
        """Return the sum over D's entries of gradient times the second derivatives."""
        return gradient[self.rows[:, None], self.rows] * self.twice_same_column


@lru_cache(maxsize=256)
def covariance_shape(blocks: tuple[int, ...]) -> CovarianceShape:
    """Return the shape of Lambda for blocks of correlated effects."""
    rows: list[int] = []
    cols: list[int] = []
    start = 0
    for size in blocks:
        for col in range(size):
            rows.extend(range(start + col, start + size))
            cols.extend([start + col] * (size - col))
        start += size
    columns = np.array(cols, dtype=np.intp)
    same = 2.0 * (columns[:, None] == columns[None, :])
    return CovarianceShape(blocks, np.array(rows, dtype=np.intp), columns, same)


def split_theta(
    theta: FloatArray, shapes: Sequence[CovarianceShape]
) -> list[FloatArray]:
    """Cut theta into one part per factor."""
    if len(shapes) <= 1:
        return [theta] * len(shapes)
    ends = np.cumsum([shape.n_theta for shape in shapes])
    return np.split(theta, ends[:-1])


def changed_basis(factor: FloatArray, basis: FloatArray) -> FloatArray:
    """Return the triangular factor of C D C' from Lambda and the basis C.

    By an orthogonal triangularisation of C Lambda, so a singular D stays exact.

    Examples
    --------
    >>> lower = np.array([[2.0, 0.0], [1.0, 0.0]])
    >>> changed_basis(lower, np.diag([3.0, 1.0]))
    array([[6., 0.],
           [1., 0.]])
    """
    upper = np.linalg.qr((basis @ factor).T, mode="r")
    signs = np.where(np.diagonal(upper) < 0.0, -1.0, 1.0)
    return np.asarray((signs[:, None] * upper).T) + 0.0


def correlations(covariance: FloatArray) -> FloatArray:
    """Return correlations, NaN where a variance is zero.

    Examples
    --------
    >>> correlations(np.array([[4.0, 1.0], [1.0, 1.0]]))
    array([[1. , 0.5],
           [0.5, 1. ]])
    """
    sd = np.sqrt(np.diagonal(covariance))
    safe = np.where(sd > 0.0, sd, np.nan)
    corr = covariance / np.outer(safe, safe)
    np.fill_diagonal(corr, 1.0)
    return np.asarray(corr)
