"""A = I + Lambda'Z'W Z Lambda of several grouping factors, factorised.

The largest factor's part is block diagonal and is eliminated level by level; what is
left of the others is one dense matrix S (the order of MixedModels.jl).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import lapack

from flexcv.arrays import FloatArray
from flexcv.errors import ModelError

from ._levels import inverse_and_log_det
from .group_modes import GroupRows, level_times
from .incidence import IncidenceCells, learn_cells

LARGEST_REST = 6_000  # columns of Z beside the largest factor's: S has their square


class Factored(NamedTuple):
    """A, factorised: blocks of the largest factor, and S of the rest."""

    inverse: FloatArray  # of the blocks, (q, q, levels)
    cells: tuple[FloatArray, ...]  # of K = A11^-1 A12, per effect
    matrices: tuple[Any, ...]  # K itself, whole or sparse
    chol: FloatArray  # lower factor of S
    log_det: float


@dataclass(frozen=True, slots=True, eq=False)
class CrossedRows:
    """Rows of several grouping factors, the largest first.

    Attributes
    ----------
    groups
        Rows per factor; they share target and weights.
    meetings
        Which levels meet.
    """

    groups: tuple[GroupRows, ...]
    meetings: IncidenceCells

    @property
    def n_effects(self) -> int:
        """How many random effects there are in all."""
        return sum(g.n_effects * g.levels.n_levels for g in self.groups)

    def factorised(
        self, factors: Sequence[FloatArray], information: FloatArray
    ) -> Factored:
        """Factorise A for the given working weights."""
        own = self.turned(0, factors)
        others = range(1, len(factors))
        rest = [line for k in others for line in self.turned(k, factors)]
        inner = np.einsum(
            "ca,cdn,db->abn",
            factors[0],
            self.groups[0].products(information),
            factors[0],
        )
        inner[np.diag_indices(len(own))] += 1.0
        inverse, log_det = inverse_and_log_det(inner)
        weighted = [line * information for line in rest]
        met = [self.meetings.fill([line * w for w in weighted]) for line in own]
        kept = tuple(
            sum(inverse[a, b][self.meetings.levels] * met[b] for b in range(len(own)))
            for a in range(len(own))
        )
        schur = self._rest_moments(rest, weighted)
        matrices = tuple(self.meetings.matrix(cells) for cells in kept)
        for left, right in zip(met, matrices, strict=True):
            product = self.meetings.matrix(left).T @ right
            schur -= product if isinstance(product, np.ndarray) else product.toarray()
        chol, failed = lapack.dpotrf(schur, lower=1)
        if failed:
            raise np.linalg.LinAlgError("the levels' matrix is not positive definite")
        total = float(log_det.sum()) + 2.0 * float(np.log(chol.diagonal()).sum())
        return Factored(inverse, kept, matrices, chol, total)

    def turned(self, place: int, factors: Sequence[FloatArray]) -> FloatArray:
        """Return Lambda'z of each row for one factor."""
        return factors[place].T @ self.groups[place].columns

    def _rest_moments(
        self, rest: Sequence[FloatArray], weighted: Sequence[FloatArray]
    ) -> FloatArray:
        """Return I + the rest's own block of A."""
        size = self.meetings.shape[1]
        total = np.zeros(size * size)
        for left, one in zip(weighted, self.meetings.places, strict=True):
            for right, other in zip(rest, self.meetings.places, strict=True):
                total += np.bincount(one * size + other, left * right, size * size)
        square = total.reshape(size, size)
        square[np.diag_indices(size)] += 1.0
        return square

    def solve(
        self, system: Factored, right: Sequence[FloatArray]
    ) -> tuple[FloatArray, ...]:
        """Solve with A, per factor from (effects, levels)."""
        rest = np.concatenate([part.reshape(-1) for part in right[1:]])
        for matrix, own in zip(system.matrices, right[0], strict=True):
            rest = rest - matrix.T @ own
        solved = lapack.dpotrs(system.chol, rest, lower=1)[0].reshape(-1)
        first = level_times(system.inverse, right[0])
        first = first - np.stack([matrix @ solved for matrix in system.matrices])
        return (first, *self._split(solved))

    def _split(self, flat: FloatArray) -> list[FloatArray]:
        parts, start = [], 0
        for group in self.groups[1:]:
            q, n = group.n_effects, group.levels.n_levels
            parts.append(flat[start : start + q * n].reshape(q, n))
            start += q * n
        return parts


def crossed_rows(groups: Sequence[GroupRows]) -> CrossedRows:
    """Gather the rows of several factors, the largest first."""
    sizes = [(g.levels.codes, g.levels.n_levels, g.n_effects) for g in groups[1:]]
    rest = sum(n * q for _, n, q in sizes)
    if rest > LARGEST_REST:
        raise ModelError(
            f"beside the largest factor there may be {LARGEST_REST} random effects in "
            f"all, got {rest}; leave a factor out or group more coarsely."
        )
    first = groups[0].levels
    return CrossedRows(tuple(groups), learn_cells(first.codes, first.n_levels, sizes))
