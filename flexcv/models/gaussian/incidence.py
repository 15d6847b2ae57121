"""Which levels of the other factors meet in a level of the largest one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.sparse import csc_array, csr_array

from flexcv.arrays import FloatArray, IntArray

MOST_PAIRS = 20_000_000  # meetings that are listed; 12 bytes each


@dataclass(frozen=True, slots=True, eq=False)
class Incidence:
    """Which levels of the rest meet in a level of the largest factor.

    For one effect ``C' diag(w) C`` is linear in w: `to_cells` maps w to the cells of
    its upper triangle, row by row. None where that list would be long.
    """

    matrices: tuple[csr_array, ...]
    to_cells: csc_array | None

    def product(self, weights: FloatArray) -> FloatArray:
        """Sum C_a' diag(weights[a, b]) C_b over effects; the upper triangle counts."""
        size = self.matrices[0].shape[1]
        if self.to_cells is not None:
            return np.asarray((self.to_cells @ weights[0, 0]).reshape(size, size))
        total = np.zeros((size, size))
        for a, left in enumerate(self.matrices):
            for b, right in enumerate(self.matrices):
                scaled = right.multiply(weights[a, b][:, None]).tocsr()
                total += (left.T @ scaled).toarray()
        return total

    def sparse_product(self, weights: FloatArray) -> csr_array:
        """Return `product` as a sparse matrix."""
        total: Any = 0
        for a, left in enumerate(self.matrices):
            for b, right in enumerate(self.matrices):
                total = total + left.T @ right.multiply(weights[a, b][:, None])
        return csr_array(total)

    def weighted_sum(self, weights: FloatArray, symmetric: FloatArray) -> float:
        """Sum the entries of `product` times those of a symmetric matrix."""
        product = self.product(weights)
        if self.to_cells is None:
            return float((product * symmetric).sum())
        product *= symmetric
        return 2.0 * float(product.sum()) - float(product.trace())

    def times(self, right: FloatArray) -> FloatArray:
        """Return C v per effect, (effects, levels, columns)."""
        return np.stack([matrix @ right for matrix in self.matrices])

    def transposed_times(self, left: FloatArray) -> FloatArray:
        """Sum C' v over effects, from (effects, levels, columns)."""
        parts = [m.T @ v for m, v in zip(self.matrices, left, strict=True)]
        return np.asarray(sum(parts[1:], parts[0]))


def learn_incidence(
    matrices: Sequence[csr_array], *, sparse: bool = False
) -> Incidence:
    """List the meeting pairs once, where there is one effect and the list is short."""
    first = matrices[0]
    degrees = np.diff(first.indptr)
    if (
        sparse
        or len(matrices) > 1
        or int((degrees * (degrees + 1)).sum()) // 2 > MOST_PAIRS
    ):
        return Incidence(tuple(matrices), None)
    n_levels, size = first.shape
    left, right, counts = _pairs(first)
    values = first.data[left] * first.data[right]
    cells = first.indices[left] * np.intp(size) + first.indices[right]
    starts = np.concatenate([[0], np.cumsum(counts)])
    shape = (size * size, n_levels)
    return Incidence(tuple(matrices), csc_array((values, cells, starts), shape=shape))


def _pairs(matrix: csr_array) -> tuple[IntArray, IntArray, IntArray]:
    """Return positions of every two entries of a row, and how many each row has."""
    degrees = np.diff(matrix.indptr).astype(np.intp)
    ends = np.repeat(matrix.indptr[1:], degrees)
    position = np.arange(matrix.nnz, dtype=np.intp)
    following = ends - position
    left = np.repeat(position, following)
    first = np.cumsum(following) - following
    right = np.arange(len(left)) - np.repeat(first - position, following)
    return left, right, degrees * (degrees + 1) // 2
