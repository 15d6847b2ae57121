"""Linear mixed models of a table without some of its rows, from sums of all rows.

One pass sums the rows. A fold's sums are those less the rows left out, in the fold's
own columns (`fold_basis`), and its variances are found by Newton's steps from those of
the whole table. Where sums would lose digits there is no answer, and the rows must be
fitted themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from flexcv.arrays import BoolArray, FloatArray, IntArray

from .covariance import covariance_shape
from .down_dated import Levels, LevelSums, OneFactor, SeveralFactors
from .engine import Estimate, at_minimum, has_large_variance, search
from .fold_basis import Blocks, FoldBasis, Standard, fold_basis
from .optimize import Minimum
from .problem import Problem
from .rows import DENSE_COLUMNS

LEAST_CURVATURE = 0.01  # of the criterion; theta's error would be larger than ten
LEAST_RESIDUAL = 1e-3  # of the residual deviation, relative to the least-squares one


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """What a linear mixed model reads of a table, every column a number.

    Attributes
    ----------
    features
        The fixed columns beside the intercept, (n_rows, p - 1).
    target
        One number a row.
    codes
        The level of each row, of each factor.
    effects
        The effects of each factor: places among the intercept and the features, a
        tuple for each set of correlated ones.
    """

    features: FloatArray
    target: FloatArray
    codes: tuple[IntArray, ...]
    effects: tuple[Blocks, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """How the rows of every fold are fitted.

    Attributes
    ----------
    reml
        Whether the restricted likelihood is maximised.
    conditional
        Whether known levels are predicted with their effects.
    scaled
        Whether a fold's model sees features standardised over its training rows.
    """

    reml: bool
    conditional: bool
    scaled: bool


@dataclass(frozen=True, slots=True, eq=False)
class LeftOutFit:
    """A model of the rows that were not left out.

    Attributes
    ----------
    estimate
        The fit, in the columns that the model of the fold sees.
    kept
        Which levels of each factor it knows.
    predicted
        What it predicts for all rows of the table.
    """

    estimate: Estimate
    kept: tuple[BoolArray, ...]
    predicted: FloatArray


class LeftOut:
    """Fits of one table without any set of its rows.

    Parameters
    ----------
    numbers
        The table.
    settings
        How it is fitted.

    Raises
    ------
    ValueError
        Where sums over all rows are of no use: columns nearly dependent, a residual or
        a variance far from the target's size, too many levels of several factors.
    """

    def __init__(self, numbers: Numbers, settings: Settings) -> None:
        self._numbers, self._settings = numbers, settings
        self._lines, self._standard = _standard_lines(numbers)
        self._gram = self._lines @ self._lines.T
        self._levels = [
            Levels(codes, np.bincount(codes), _lines_used(blocks))
            for codes, blocks in zip(numbers.codes, numbers.effects, strict=True)
        ]
        self._sums = self._level_sums()
        self._start: FloatArray | None = None
        whole = self._fitted(np.zeros(0, dtype=np.intp))
        if whole is None:
            raise ValueError("this table must be fitted from its rows.")
        if not whole[0].singular:
            self._start = whole[0].minimum.theta

    def without(self, rows: IntArray) -> LeftOutFit | None:
        """Fit all rows but the ones given; None where that needs the rows themselves.

        Parameters
        ----------
        rows
            Positions to leave out.
        """
        found = self._fitted(rows)
        if found is None:
            return None
        fitted, basis, kept = found
        predicted = (basis.users @ fitted.beta) @ self._lines[:-1]
        if self._settings.conditional:
            self._add_effects(predicted, fitted, basis, kept)
        return LeftOutFit(fitted, kept, predicted)

    def _add_effects(
        self,
        predicted: FloatArray,
        fitted: Estimate,
        basis: FoldBasis,
        kept: Sequence[BoolArray],
    ) -> None:
        """Add the effects of levels that the fold's model knows, in place."""
        at_rows = np.empty(len(predicted))
        for levels, blocks, own, effects in zip(
            self._levels, self._numbers.effects, kept, fitted.effects, strict=True
        ):
            columns = np.array([place for block in blocks for place in block])
            turn = basis.users[np.ix_(levels.used, columns)]
            known = np.zeros((len(levels.used), len(own)))
            known[:, own] = turn @ effects.T
            for line, effect in zip(levels.used, known, strict=True):
                np.take(effect, levels.codes, out=at_rows, mode="clip")
                if line:
                    at_rows *= self._lines[line]
                predicted += at_rows

    def _fitted(
        self, rows: IntArray
    ) -> tuple[Estimate, FoldBasis, tuple[BoolArray, ...]] | None:
        kept = tuple(levels.kept(rows) for levels in self._levels)
        n_rows = len(self._numbers.target) - len(rows)
        if not self._can_be_told(kept, n_rows):
            return None
        out = self._lines[:, rows]
        gram = self._gram - out @ out.T
        effects, scaled = self._numbers.effects, self._settings.scaled
        basis = fold_basis(gram, n_rows, self._standard, effects, scaled=scaled)
        if basis is None:
            return None
        sums = self._sums.without(rows, kept, gram, basis)
        sizes = [tuple(len(block) for block in blocks) for blocks in effects]
        shapes = tuple(covariance_shape(size) for size in sizes)
        problem = Problem(sums, shapes, self._settings.reml)
        fitted = at_minimum(problem, basis.basis, search(problem, self._start))
        return (fitted, basis, kept) if self._is_sure(fitted) else None

    def _is_sure(self, fitted: Estimate) -> bool:
        left = fitted.sigma > LEAST_RESIDUAL * self._standard.target_scale
        if not left or not fitted.minimum.converged or has_large_variance(fitted):
            return False
        return _is_pinned(fitted.minimum)

    def _can_be_told(self, kept: Sequence[BoolArray], n_rows: int) -> bool:
        """Whether rows and levels are enough for all variances, and factors in order.

        A fit lists the factor with most levels first.
        """
        sizes = [(int(own.sum()), len(own)) for own in kept]
        for (first, all_first), (second, all_second) in pairwise(sizes):
            if (first > second) is not (all_first > all_second) or first < second:
                return False
        for own, blocks in zip(kept, self._numbers.effects, strict=True):
            n_levels = int(own.sum())
            largest = max(len(block) for block in blocks)
            if n_levels < 2 or n_levels * largest >= n_rows:
                return False
        return n_rows > len(self._gram)

    def _level_sums(self) -> LevelSums:
        if len(self._levels) == 1:
            return OneFactor(self._lines, self._levels[0])
        if sum(len(f.used) * len(f.counts) for f in self._levels) > DENSE_COLUMNS:
            raise ValueError("several factors have too many levels for dense sums.")
        return SeveralFactors(self._lines, self._levels)


def _is_pinned(minimum: Minimum) -> bool:
    """Whether the criterion tells one theta, so that every search ends there."""
    scale = np.maximum(np.abs(minimum.theta), 1.0)
    curvature = np.linalg.eigvalsh(minimum.hessian * np.outer(scale, scale))
    return bool(curvature[0] > LEAST_CURVATURE)


def _lines_used(blocks: Blocks) -> IntArray:
    """Return the lines that effects read: a slope's origin is the constant's."""
    return np.array(sorted({0, *(place for block in blocks for place in block)}))


def _standard_lines(numbers: Numbers) -> tuple[FloatArray, Standard]:
    """Return the constant, standard features and the rest of the target as lines."""
    features = numbers.features
    centre, spread = features.mean(axis=0), features.std(axis=0)
    if not (spread > np.finfo(float).tiny).all():
        raise ValueError("a feature is constant.")
    lines = np.empty((features.shape[1] + 2, len(features)))
    lines[0] = 1.0
    lines[1:-1] = ((features - centre) / spread).T
    fixed = lines[:-1]
    origin = np.linalg.solve(fixed @ fixed.T, fixed @ numbers.target)
    rest = numbers.target - origin @ fixed
    scale = float(np.sqrt(rest @ rest / len(rest)))
    if not scale > 0.0:
        raise ValueError("the features fit the target exactly.")
    lines[-1] = rest / scale
    return lines, Standard(centre, spread, origin, scale)
