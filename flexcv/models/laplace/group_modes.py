"""Where the random effects of each level of one factor are most probable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from flexcv.arrays import FloatArray, IntArray

from ._levels import Levels, inverse_and_log_det, learn_levels
from .families import Family, RowTerms

MAX_STEPS = 200
HALVINGS = 40
AT_MODE = 1e-14  # squared Newton step, in conditional standard deviations


@dataclass(frozen=True, slots=True, eq=False)
class GroupRows:
    """The rows of one grouping factor.

    Attributes
    ----------
    family
        Response distribution and link.
    y, weights
        The target and its weights (trials of the binomial family).
    levels
        The level of each row.
    columns
        The random columns, shape (q, n_rows); ones for an intercept.
    flat
        The value of each column that is constant, NaN of the others.
    constant
        The log-likelihood that no parameter changes.
    """

    family: Family
    y: FloatArray
    weights: FloatArray
    levels: Levels
    columns: FloatArray
    flat: tuple[float, ...]
    constant: float

    @property
    def n_effects(self) -> int:
        """Effects per level, q."""
        return len(self.columns)

    def row_sum(self, effects: FloatArray) -> FloatArray:
        """Return z'b of each row from effects of shape (q, levels)."""
        total = self._scaled(0, self.levels.spread(effects[0]))
        for k in range(1, len(effects)):
            total = total + self._scaled(k, self.levels.spread(effects[k]))
        return total

    def level_sums(self, values: FloatArray) -> FloatArray:
        """Return Z'v of each level, shape (q, levels)."""
        lines = range(self.n_effects)
        return np.stack([self.levels.sum(self._scaled(k, values)) for k in lines])

    def products(self, values: FloatArray) -> FloatArray:
        """Return Z' diag(v) Z of each level, shape (q, q, levels)."""
        q = self.n_effects
        made = np.empty((q, q, self.levels.n_levels))
        for a in range(q):
            weighted = self._scaled(a, values)
            for b in range(a + 1):
                sums = self.levels.sum(self._scaled(b, weighted))
                made[a, b] = made[b, a] = sums
        return made

    def quadratic(self, matrices: FloatArray) -> FloatArray:
        """Return z'Bz of each row from matrices of shape (q, q, levels)."""
        total: FloatArray = np.zeros(len(self.y))
        for a in range(self.n_effects):
            for b in range(a + 1):
                twice = 1.0 if a == b else 2.0
                given = self.levels.spread(twice * matrices[a, b])
                total += self._scaled(a, self._scaled(b, given))
        return total

    def _scaled(self, place: int, values: FloatArray) -> FloatArray:
        """Return a random column times values; the same object where it is one."""
        flat = self.flat[place]
        if np.isnan(flat):
            return np.asarray(self.columns[place] * values)
        return values if flat == 1.0 else np.asarray(flat * values)


class Mode(NamedTuple):
    """The joint density at some u; at its largest after `conditional_modes`."""

    u: FloatArray
    terms: RowTerms
    value: FloatArray  # per level, log-likelihood less |u|^2 / 2
    scores: FloatArray
    products: FloatArray
    inverse: FloatArray  # of A
    log_det: FloatArray


def group_rows(
    family: Family,
    y: FloatArray,
    codes: IntArray,
    columns: Sequence[FloatArray] | FloatArray,
    weights: FloatArray | None = None,
    n_levels: int | None = None,
) -> GroupRows:
    """Gather the rows of one grouping factor.

    Parameters
    ----------
    family
        Response distribution and link.
    y
        The target; shares of successes for the binomial family.
    codes
        The level of each row, from zero. Sorted rows are faster; levels may be empty.
    columns
        One array per random effect; ``[np.ones(n)]`` for an intercept.
    weights
        Trials of the binomial family, multipliers of the log-likelihood elsewhere.
    n_levels
        How many levels there are; by default up to the largest code.
    """
    used = np.ones(len(y)) if weights is None else weights
    lines = np.asarray(columns, dtype=float)
    flat = [line[0] if line.min() == line.max() else np.nan for line in lines]
    return GroupRows(
        family,
        y,
        used,
        learn_levels(codes, n_levels),
        lines,
        tuple(map(float, flat)),
        float(family.constant(y, used).sum()),
    )


def conditional_modes(
    rows: GroupRows,
    eta: FloatArray,
    factor: FloatArray,
    dispersion: float = 1.0,
    start: FloatArray | None = None,
) -> tuple[Mode, bool]:
    """Find each level's most probable u by damped Newton steps.

    The families are log-concave, so each level has one mode, also where all its
    targets are equal: the normal density of u keeps it finite.
    """
    shape = (rows.n_effects, rows.levels.n_levels)
    at = _mode_at(
        rows, eta, factor, dispersion, np.zeros(shape) if start is None else start
    )
    for _ in range(MAX_STEPS):
        gradient = factor.T @ at.scores - at.u
        step = level_times(at.inverse, gradient)
        if float((gradient * step).sum(axis=0).max()) <= AT_MODE:
            return at, True
        at = _climbed(rows, eta, factor, dispersion, at, step)
    return at, False


def _mode_at(
    rows: GroupRows,
    eta: FloatArray,
    factor: FloatArray,
    dispersion: float,
    u: FloatArray,
) -> Mode:
    terms = rows.family.kernel(
        rows.y, eta + rows.row_sum(factor @ u), rows.weights, dispersion
    )
    value = rows.levels.sum(terms.loglik) - 0.5 * (u * u).sum(axis=0)
    products = rows.products(terms.information)
    inner = np.einsum("ca,cdn,db->abn", factor, products, factor)
    inner[np.diag_indices(len(u))] += 1.0
    inverse, log_det = inverse_and_log_det(inner)
    scores = rows.level_sums(terms.score)
    return Mode(u, terms, value, scores, products, inverse, log_det)


def _climbed(
    rows: GroupRows,
    eta: FloatArray,
    factor: FloatArray,
    dispersion: float,
    at: Mode,
    step: FloatArray,
) -> Mode:
    """Take the step, halved in every level where it would not climb."""
    length = np.ones(rows.levels.n_levels)
    lowest = at.value - 1e-9 * (1.0 + np.abs(at.value))
    for _ in range(HALVINGS):
        new = _mode_at(rows, eta, factor, dispersion, at.u + length * step)
        falls = ~(new.value >= lowest)
        if not falls.any():
            break
        length = np.where(falls, 0.5 * length, length)
    return new


def level_times(matrices: FloatArray, vectors: FloatArray) -> FloatArray:
    """Multiply per level, (q, q, levels) with (q, levels)."""
    if len(vectors) == 1:
        return np.asarray(matrices[0] * vectors)
    return np.asarray(np.einsum("abn,bn->an", matrices, vectors))
