"""Which levels of the other factors meet in each level of the largest one, by cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from flexcv.arrays import FloatArray, IntArray

DENSE_CELLS = 1_000_000  # a larger table of levels by others is kept sparse
SPARSE_CELLS = 20_000  # and so is one larger than this with few cells filled
FILLED = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class IncidenceCells:
    """The cells of Z_1' diag(w) Z_R that are not empty, in row order.

    Attributes
    ----------
    shape
        Levels of the largest factor, and columns of the rest.
    levels, columns
        Where each cell stands.
    places
        Per column of a row (effect by effect, factor by factor) its column in R.
    cells
        The same, its cell.
    starts
        The first cell of each level, and the number of cells.
    """

    shape: tuple[int, int]
    levels: IntArray
    columns: IntArray
    places: tuple[IntArray, ...]
    cells: tuple[IntArray, ...]
    starts: IntArray

    def fill(self, values: Sequence[FloatArray]) -> FloatArray:
        """Sum rows into cells, from one array per column of a row."""
        total: FloatArray = np.zeros(len(self.levels))
        for cell, value in zip(self.cells, values, strict=True):
            total += np.bincount(cell, value, len(total))
        return total

    def matrix(self, cells: FloatArray) -> FloatArray | csr_array:
        """Return the cells as a matrix, whole or sparse."""
        size = self.shape[0] * self.shape[1]
        empty = size > SPARSE_CELLS and len(cells) < FILLED * size
        if empty or size > DENSE_CELLS:
            return csr_array((cells, self.columns, self.starts), shape=self.shape)
        whole = np.zeros(self.shape)
        whole[self.levels, self.columns] = cells
        return whole

    def at_cells(self, whole: FloatArray) -> FloatArray:
        """Return the entries of a whole matrix at the cells."""
        return np.asarray(whole[self.levels, self.columns])

    def level_sum(self, cells: FloatArray) -> FloatArray:
        """Sum the cells of each level."""
        return np.bincount(self.levels, cells, self.shape[0]).astype(float, copy=False)


def learn_cells(
    codes: IntArray, n_levels: int, others: Sequence[tuple[IntArray, int, int]]
) -> IncidenceCells:
    """List the cells.

    Parameters
    ----------
    codes, n_levels
        The largest factor.
    others
        Codes, levels and effects of each other factor.

    Examples
    --------
    >>> first, second = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    >>> meetings = learn_cells(first, 2, [(second, 2, 1)])
    >>> meetings.matrix(meetings.fill([np.ones(4)]))
    array([[1., 1.],
           [0., 2.]])
    """
    places, start = [], 0
    for code, n, q in others:
        places += [start + a * n + code for a in range(q)]
        start += q * n
    keys = [codes * np.intp(start) + place for place in places]
    used, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    levels, columns = np.divmod(used, start)
    counts = np.bincount(levels, minlength=n_levels)
    return IncidenceCells(
        (n_levels, start),
        levels,
        columns,
        tuple(places),
        tuple(np.split(np.asarray(inverse), len(keys))),
        np.concatenate([[0], np.cumsum(counts)]),
    )
