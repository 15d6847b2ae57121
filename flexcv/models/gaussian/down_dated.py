"""Sums over the levels of grouping factors, and the same less some rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import block_diag
from scipy.sparse import csr_array

from flexcv.arrays import BoolArray, FloatArray, IntArray

from .few_levels import DenseSums
from .fold_basis import FoldBasis
from .one_factor import GroupSums
from .sums import Sums


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """One grouping factor of the whole table.

    Attributes
    ----------
    codes
        The level of each row.
    counts
        Rows of each level.
    used
        Which standard lines its effects read, in order.
    """

    codes: IntArray
    counts: IntArray
    used: IntArray

    def kept(self, rows: IntArray) -> BoolArray:
        """Return which levels have rows beside the ones given."""
        lost = np.bincount(self.codes[rows], minlength=len(self.counts))
        return np.asarray(self.counts > lost)


class LevelSums(Protocol):
    """Sums over levels that can be taken down to part of the rows."""

    def without(
        self,
        rows: IntArray,
        kept: Sequence[BoolArray],
        gram: FloatArray,
        basis: FoldBasis,
    ) -> Sums:
        """Return a fold's sums.

        Parameters
        ----------
        rows
            The rows to leave out.
        kept
            Which levels of each factor the others show.
        gram
            Products of the standard lines over the other rows.
        basis
            The fold's columns.
        """


class OneFactor:
    """Sums over the levels of one factor.

    Parameters
    ----------
    lines
        The standard lines, (p + 1, n_rows).
    levels
        The factor.
    """

    def __init__(self, lines: FloatArray, levels: Levels) -> None:
        self._lines, self._levels = lines, levels
        self._sums = self._of(slice(None), levels.codes, len(levels.counts))

    def without(
        self,
        rows: IntArray,
        kept: Sequence[BoolArray],
        gram: FloatArray,
        basis: FoldBasis,
    ) -> GroupSums:
        """Return a fold's sums."""
        touched, places = np.unique(self._levels.codes[rows], return_inverse=True)
        sums = self._sums.copy()
        if kept[0][touched].any():
            sums[:, :, touched] -= self._of(rows, places, len(touched))
        sums = sums[:, :, kept[0]]
        random = basis.random[0]
        right = np.hstack([np.vstack([random, np.zeros(random.shape[1])]), basis.lines])
        shape = (random.shape[1], *sums.shape[1:])
        left = random[self._levels.used].T @ sums.reshape(len(sums), -1)
        cross = np.matmul(right.T, left.reshape(shape))
        n_rows = round(float(gram[0, 0]))
        return GroupSums(n_rows, basis.lines.T @ gram @ basis.lines, cross)

    def _of(self, rows: IntArray | slice, codes: IntArray, n_levels: int) -> FloatArray:
        """Return the sums of products of lines, (used, p + 1, levels)."""
        lines = self._lines[:, rows]
        sums = np.empty((len(self._levels.used), len(lines), n_levels))
        for own, left in zip(sums, lines[self._levels.used], strict=True):
            for place, right in zip(own, lines, strict=True):
                place[:] = np.bincount(codes, left * right, n_levels)
        return sums


class SeveralFactors:
    """Sums over the levels of several factors with few levels in all.

    Parameters
    ----------
    lines
        The standard lines, (p + 1, n_rows).
    factors
        The factors.
    """

    def __init__(self, lines: FloatArray, factors: Sequence[Levels]) -> None:
        self._lines, self._factors = lines, factors
        self._z = _indicators(lines, factors)
        self._cross = _products(self._z, lines)

    def without(
        self,
        rows: IntArray,
        kept: Sequence[BoolArray],
        gram: FloatArray,
        basis: FoldBasis,
    ) -> DenseSums:
        """Return a fold's sums."""
        cross = self._cross - _products(self._z[rows], self._lines[:, rows])
        every = [
            np.tile(own, len(f.used))
            for own, f in zip(kept, self._factors, strict=True)
        ]
        shown = np.flatnonzero(np.concatenate(every))
        m = self._z.shape[1]
        turns = [
            np.kron(random[f.used], np.eye(int(own.sum())))
            for random, f, own in zip(basis.random, self._factors, kept, strict=True)
        ]
        turn = np.asarray(block_diag(*turns))
        square = turn.T @ cross[np.ix_(shown, shown)] @ turn
        right = turn.T @ cross[shown, m:] @ basis.lines
        sizes = tuple(
            (random.shape[1], int(own.sum()))
            for random, own in zip(basis.random, kept, strict=True)
        )
        n_rows = round(float(gram[0, 0]))
        inside = basis.lines.T @ gram @ basis.lines
        return DenseSums(n_rows, inside, np.hstack([square, right]), sizes)


def _indicators(lines: FloatArray, factors: Sequence[Levels]) -> csr_array:
    """Return the lines used, spread over levels: by factor, then line, then level."""
    n = lines.shape[1]
    columns, values, start = [], [], 0
    for factor in factors:
        for line in factor.used:
            columns.append(start + factor.codes)
            values.append(lines[line])
            start += len(factor.counts)
    rows = np.tile(np.arange(n), len(columns))
    places = (rows, np.concatenate(columns))
    return csr_array((np.concatenate(values), places), shape=(n, start))


def _products(z: csr_array, lines: FloatArray) -> FloatArray:
    """Return Z'[Z lines'], dense."""
    return np.hstack([(z.T @ z).toarray(), z.T @ lines.T])
