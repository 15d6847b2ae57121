"""Penalised least squares for several grouping factors with few levels in all.

The same criterion and derivatives as in `one_factor`, with one dense matrix over the
levels of all factors. `many_levels` takes over where the levels are many.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.linalg import block_diag

from flexcv.arrays import FloatArray, IntArray

from .blocks import blocks_of_columns, form_of_columns, level_blocks, starts_of
from .criterion import FixedPart, criterion, fixed_of_rows, solve_fixed
from .draws import draws_of_several_factors
from .one_factor import SEEN, GroupSums, Profile


@dataclass(frozen=True, slots=True, eq=False)
class DenseSums:
    """Sums over rows for several factors.

    Attributes
    ----------
    n_rows
        Rows that entered.
    gram
        ``[X y]'[X y]``.
    cross
        ``Z'[Z X y]``, shape (m, m + p + 1); Z's columns are ordered by factor,
        then by effect, then by level.
    sizes
        Effects and levels of each factor.
    log_weights
        Sum of the logarithms of the weights.
    root
        The triangle of the rows of ``[Z X y]``, where a variance is so large that their
        sums have lost the digits in which the levels differ.

    Examples
    --------
    >>> DenseSums(5, np.eye(2), np.ones((3, 5)), ((1, 2), (1, 1))).n_fixed
    1
    """

    n_rows: int
    gram: FloatArray
    cross: FloatArray
    sizes: tuple[tuple[int, int], ...]
    log_weights: float = 0.0
    root: FloatArray | None = None

    @property
    def n_fixed(self) -> int:
        """Fixed columns, p."""
        return len(self.gram) - 1

    @property
    def is_exact(self) -> bool:
        """Whether the Hessian is exact."""
        return True

    @property
    def is_of_rows(self) -> bool:
        """Whether what the levels leave is known from the rows, to their last digit."""
        return self.root is not None

    def profile(
        self,
        factors: Sequence[FloatArray],
        *,
        reml: bool,
        precision: float | None = None,
    ) -> Profile:
        """Evaluate the criterion and its derivatives in the entries of every D."""
        return profile_dense(self, factors, reml=reml, precision=precision)

    def moments_by_factor(self) -> list[FloatArray]:
        """Return Z'Z summed over levels, per factor (effects, effects)."""
        return [
            level_blocks(self.cross, start, q, n).sum(axis=2)
            for start, q, n in starts_of(self.sizes)
        ]

    def alone(self) -> list[GroupSums]:
        """Return the sums of each factor as if it were the only one."""
        m, parts = len(self.cross), []
        for start, q, n in starts_of(self.sizes):
            own = level_blocks(self.cross, start, q, n)
            right = self.cross[start : start + q * n, m:].reshape(q, n, -1)
            cross = np.concatenate([own, right.transpose(0, 2, 1)], axis=1)
            parts.append(GroupSums(self.n_rows, self.gram, cross))
        return parts

    def lost(self, r2: float, theta: FloatArray) -> float:
        """Return how many times the last digit of r^2 its sums are off at theta."""
        if self.root is not None:  # a triangularisation subtracts no squares
            return float(np.linalg.norm(self.root[:, -1]) / np.sqrt(r2))
        largest = float(self.cross.diagonal().max())
        spread = float(np.abs(theta).max(initial=0.0) ** 2)
        return float(self.gram[-1, -1]) / r2 + SEEN * spread * largest

    def far_factors(self) -> list[FloatArray]:
        """Return no Lambda to begin from: its levels are not told apart."""
        return []

    def turned(self, turn: FloatArray) -> DenseSums:
        """Return the sums with the columns ``[X y] turn`` in place of ``[X y]``."""
        m = len(self.cross)
        cross, root = (
            None if part is None else np.hstack([part[:, :m], part[:, m:] @ turn])
            for part in (self.cross, self.root)
        )
        assert cross is not None
        return replace(self, gram=turn.T @ self.gram @ turn, cross=cross, root=root)

    def level_rows(self, values: FloatArray) -> FloatArray:
        """Return the values, whose rows are ordered by factor, effect and level."""
        return values

    def within_blocks(
        self,
        at: Profile,
        factors: Sequence[FloatArray],  # noqa: ARG002
    ) -> list[FloatArray]:
        """Return the level blocks of Z'V^-1Z, per factor (levels, effects, effects)."""
        return blocks_of_columns(lambda places: at.within[:, places], self.sizes)

    def within_square(
        self,
        at: Profile,
        factors: Sequence[FloatArray],  # noqa: ARG002
        places: IntArray,
    ) -> FloatArray:
        """Return rows and columns of Z'V^-1Z at some places."""
        return np.asarray(at.within[np.ix_(places, places)])

    def within_form(
        self,
        at: Profile,
        factors: Sequence[FloatArray],  # noqa: ARG002
        place: IntArray,
        load: FloatArray,
    ) -> FloatArray:
        """Return v'Z'V^-1Zv of sparse v, row by row."""
        return form_of_columns(lambda places: at.within[:, places], place, load)

    def draws(
        self, factors: Sequence[FloatArray], sigma: float
    ) -> Callable[[np.random.Generator], DenseSums]:
        """Return the function that draws the sums anew from the model."""
        draw = draws_of_several_factors(
            self.gram, self.cross, self.n_rows, self.sizes, factors, sigma
        )
        return lambda rng: replace(self, **draw(rng)._asdict())


def profile_dense(
    sums: DenseSums,
    factors: Sequence[FloatArray],
    *,
    reml: bool,
    precision: float | None = None,
) -> Profile:
    """Evaluate the criterion and its derivatives in the entries of every D."""
    p = sums.n_fixed
    weighed = _weighed_sums if sums.root is None else _weighed_rows
    at = weighed(sums, factors)
    free = sums.n_rows - p if reml else sums.n_rows
    value, level = criterion(
        at.log_det, at.fixed, free, sums.log_weights, reml=reml, precision=precision
    )
    fixed, scores = at.fixed, at.scores
    parts = _Parts(at.within, at.mixed @ fixed.root.T, scores, sums.sizes)
    gradient, hessian = parts.derivatives(*level, reml)
    return Profile(
        value,
        gradient,
        hessian,
        fixed.beta,
        fixed.root,
        fixed.r2,
        free,
        scores,
        parts.whitened,
        parts.within,
    )


class _Weighed(NamedTuple):
    """log|V|, the fixed part, Z'V^-1Z, Z'V^-1X and Z'V^-1e."""

    log_det: float
    fixed: FixedPart
    within: FloatArray
    mixed: FloatArray
    scores: FloatArray


def _weighed_sums(sums: DenseSums, factors: Sequence[FloatArray]) -> _Weighed:
    """Return them from sums."""
    m, whole = len(sums.cross), _over_levels(sums, factors)
    right = whole.T @ sums.cross
    inner = right[:, :m] @ whole
    inner[np.diag_indices(m)] += 1.0
    lower = np.linalg.cholesky(inner)
    log_det = 2.0 * float(np.log(lower.diagonal()).sum())
    answer = np.linalg.solve(lower.T, np.linalg.solve(lower, right))
    solved = sums.cross - right[:, :m].T @ answer
    fixed = solve_fixed(sums.gram - right[:, m:].T @ answer[:, m:])
    mixed = solved[:, m:-1]
    scores = solved[:, -1] - mixed @ fixed.beta
    return _Weighed(log_det, fixed, solved[:, :m], mixed, scores)


def _weighed_rows(sums: DenseSums, factors: Sequence[FloatArray]) -> _Weighed:
    """Return them from the triangle of the rows, by least squares on (Z Lambda; I).

    What is left of the rows gives Z'V^-1; Lambda'Z'V^-1, which is as small as Lambda is
    large, is what is left of the zeros below them. The residual e is found among what
    is left and taken from there: far from the fixed effects that were taken out of
    the target, differences of products would lose its digits.
    """
    assert sums.root is not None
    m, whole = len(sums.cross), _over_levels(sums, factors)
    z, k = sums.root[:, :m], len(sums.root)
    basis, upper = np.linalg.qr(np.vstack([z @ whole, np.eye(m)]))
    log_det = 2.0 * float(np.log(np.abs(upper.diagonal())).sum())
    rows = np.vstack([sums.root, np.zeros((m, sums.root.shape[1]))])
    left = rows - basis @ (basis.T @ rows)
    fixed = fixed_of_rows(left[:, m:])
    error = left[:, -1] - left[:, m:-1] @ fixed.beta
    error -= basis @ (basis.T @ error)
    left[:, -1] = error
    solved = z.T @ left[:k]
    inverse = _over_levels(sums, _inverses(factors))
    solved -= inverse @ (left[k:] + whole.T @ solved)
    within = 0.5 * (solved[:, :m] + solved[:, :m].T)
    return _Weighed(log_det, fixed, within, solved[:, m:-1], solved[:, -1])


def _over_levels(sums: DenseSums, factors: Sequence[FloatArray]) -> FloatArray:
    """Return one matrix over the effects of all levels of all factors."""
    pairs = zip(factors, sums.sizes, strict=True)
    return np.asarray(block_diag(*(np.kron(f, np.eye(n)) for f, (_, n) in pairs)))


def _inverses(factors: Sequence[FloatArray]) -> list[FloatArray]:
    """Return the inverse of each Lambda' in the directions where it is large."""
    found = []
    for factor in factors:
        left, size, right = np.linalg.svd(factor)
        inverse = np.where(size > 1.0, 1.0 / np.maximum(size, 1.0), 0.0)
        found.append((left * inverse) @ right)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Parts:
    """Z'V^-1Z, Z'V^-1X R^-1 and Z'V^-1e over all levels."""

    within: FloatArray
    whitened: FloatArray
    scores: FloatArray
    sizes: tuple[tuple[int, int], ...]

    def derivatives(
        self, precision: float, pull_of_r2: float, reml: bool
    ) -> tuple[FloatArray, FloatArray]:
        """Return gradient and Hessian in the entries of D, one factor after another."""
        outer = precision * np.outer(self.scores, self.scores)
        middle = self.within - 2.0 * outer
        slope = self.within - outer
        if reml:
            fixed = self.whitened @ self.whitened.T
            middle -= 2.0 * fixed
            slope -= fixed
        push = self._per_entry(outer)
        pull = self._sums_of_products(self.scores[:, None])
        hessian = -2.0 * precision * (pull @ pull.T) - pull_of_r2 * np.outer(push, push)
        if reml:
            spread = self._sums_of_products(self.whitened)
            hessian -= spread @ spread.T
        return self._per_entry(slope), hessian - self._pairs(middle)

    def _slices(self) -> list[slice]:
        ends = np.cumsum([0, *(q * n for q, n in self.sizes)])
        return [slice(a, b) for a, b in pairwise(ends)]

    def _per_entry(self, matrix: FloatArray) -> FloatArray:
        """Sum the level blocks of each factor."""
        sums = []
        for (q, n), part in zip(self.sizes, self._slices(), strict=True):
            block = matrix[part, part].reshape(q, n, q, n)
            sums.append(np.einsum("ambm->ab", block).reshape(-1))
        return np.concatenate(sums)

    def _sums_of_products(self, right: FloatArray) -> FloatArray:
        """Sum, per pair of effects, the products of whitened columns with others."""
        p, r = self.whitened.shape[1], right.shape[1]
        sums = []
        for (q, n), part in zip(self.sizes, self._slices(), strict=True):
            a = self.whitened[part].reshape(q, n, p)
            b = right[part].reshape(q, n, r)
            sums.append(np.einsum("anp,bnr->abpr", a, b).reshape(q * q, p * r))
        return np.concatenate(sums)

    def _pairs(self, middle: FloatArray) -> FloatArray:
        """Return tr(E_i W E_j M) for every two entries of any two factors."""
        rows = []
        for (q, n), part in zip(self.sizes, self._slices(), strict=True):
            row = []
            for (r, k), other in zip(self.sizes, self._slices(), strict=True):
                w = self.within[part, other].reshape(q, n, r, k)
                m = middle[part, other].reshape(q, n, r, k)
                w2 = w.transpose(0, 2, 1, 3).reshape(q * r, n * k)
                m2 = m.transpose(0, 2, 1, 3).reshape(q * r, n * k)
                both = (m2 @ w2.T).reshape(q, r, q, r)
                row.append(both.transpose(0, 2, 3, 1).reshape(q * q, r * r))
            rows.append(np.hstack(row))
        return np.vstack(rows)
