"""The two halves of a penalised mixed model: coefficients, and variances.

Each is a function of the other: `fit_at` gives the coefficients at given variances,
`estimate_variances` the variances that maximise the likelihood of given residuals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flexcv.arrays import FloatArray
from flexcv.models.design._identify import require_residual_left, require_residuals
from flexcv.models.design.columns import RandomDesign
from flexcv.models.gaussian.engine import estimate
from flexcv.models.gaussian.rows import sums_and_basis

from .coordinate_descent import (
    PenalisedRows,
    WhitenedRows,
    largest_alpha,
    solve,
    whitened_rows,
)
from .held_out import Fold
from .whitening import Whitening, learn_whitening

LEAST_SHARE = 1e-3  # where a path ends, over its largest alpha
LEAST_WIDE = 1e-2  # the same with more columns than rows
LEAST_RIDGE = 1e-7  # the same for a ridge, whose path begins far above


@dataclass(frozen=True, slots=True)
class PenaltySettings:
    """What is penalised by how much, and how the variances are found.

    Attributes
    ----------
    alpha
        The penalty; None chooses it on held-out groups.
    l1_ratio
        The share of the lasso.
    standardise
        Whether the whitened columns are standardised.
    n_alphas
        Penalties on the path to choose from.
    group_folds
        What is held out to choose alpha.
    residual_folds
        What is held out for the residuals; None takes residuals in-sample.
    """

    alpha: float | None
    l1_ratio: float
    standardise: bool
    n_alphas: int
    group_folds: tuple[Fold, ...]
    residual_folds: tuple[Fold, ...] | None


@dataclass(frozen=True, slots=True, eq=False)
class Variances:
    """The maximum-likelihood variances of some residuals.

    Attributes
    ----------
    sigma2
        Residual variance.
    relative
        Per factor the covariance of the effects over sigma^2.
    loglik
        Marginal log-likelihood of the residuals.
    theta
        Where the next maximisation may begin.
    converged
        Whether the maximiser was done.
    """

    sigma2: float
    relative: tuple[FloatArray, ...]
    loglik: float
    theta: FloatArray
    converged: bool

    @property
    def covariances(self) -> tuple[FloatArray, ...]:
        """Per factor the covariance of the effects."""
        return tuple(self.sigma2 * d for d in self.relative)


@dataclass(frozen=True, slots=True, eq=False)
class PenalisedFit:
    """The coefficients and effects at given variances.

    Attributes
    ----------
    coefficients, free
        beta and gamma.
    effects
        Predicted random effects per factor, shape (levels, effects).
    scale
        The omegas.
    """

    coefficients: FloatArray
    free: FloatArray
    effects: tuple[FloatArray, ...]
    scale: FloatArray


def estimate_variances(
    residuals: FloatArray,
    free: Sequence[FloatArray],
    design: RandomDesign,
    ones: FloatArray,
    start: FloatArray | None = None,
    weights: FloatArray | None = None,
) -> Variances:
    """Maximise the likelihood of residuals over gamma, D and sigma^2.

    Parameters
    ----------
    residuals
        The target less X beta.
    free
        The unpenalised columns.
    design
        The random part.
    ones
        The object among the columns that is the column of ones.
    start
        A theta to begin from.
    weights
        Inverse relative residual variances; by default one.
    """
    sums, basis = sums_and_basis(free, design, residuals, weights, ones)
    if design.factors:
        spread = basis.target_scale if np.ptp(residuals) else 0.0
        require_residuals(residuals, basis.kept, spread)
    blocks = [factor.blocks for factor in design.factors]
    fitted = estimate(sums, basis, blocks, reml=False, start=start)
    if design.factors:
        require_residual_left(fitted.sigma, basis.target_scale)
    return Variances(
        fitted.sigma**2,
        tuple(factor @ factor.T for factor in fitted.factors),
        -0.5 * fitted.criterion,
        fitted.minimum.theta,
        fitted.minimum.converged,
    )


def fit_at(
    rows: PenalisedRows,
    settings: PenaltySettings,
    relative: Sequence[FloatArray],
    alpha: float,
    start: FloatArray | None = None,
) -> PenalisedFit:
    """Return coefficients and effects at given variances and alpha.

    Parameters
    ----------
    rows, settings
        As in `penalised_rounds`.
    relative
        Per factor the covariance of the effects over sigma^2.
    alpha
        The penalty.
    start
        A beta to begin from.
    """
    whiten, whole = whitened_at(rows, relative, standardise=settings.standardise)
    beta = solve(whole, alpha, settings.l1_ratio, start)
    gamma = whole.free(beta)
    left = rows.target - rows.penalised @ beta - rows.free @ gamma
    return PenalisedFit(beta, gamma, whiten.effects(left), whole.scale)


def whitened_at(
    rows: PenalisedRows, relative: Sequence[FloatArray], *, standardise: bool
) -> tuple[Whitening, WhitenedRows]:
    """Return the whitening at some variances, and the rows it makes."""
    whiten = learn_whitening(rows.design, relative, rows.weights)
    return whiten, whitened_rows(rows, whiten, standardise=standardise)


def falling_alphas(whole: WhitenedRows, l1_ratio: float, n_alphas: int) -> FloatArray:
    """Return the alphas of a path, from the one that selects nothing downwards."""
    wide = whole.columns.shape[1] > whole.n_rows
    peak = largest_alpha(whole, l1_ratio)
    return spaced_alphas(peak, l1_ratio, n_alphas, wide=wide)


def spaced_alphas(
    peak: float, l1_ratio: float, n_alphas: int, *, wide: bool
) -> FloatArray:
    """Return falling alphas in equal ratios.

    Parameters
    ----------
    peak
        The largest.
    l1_ratio
        The share of the lasso.
    n_alphas
        How many.
    wide
        Whether there are more columns than rows.
    """
    least = LEAST_WIDE if wide else LEAST_SHARE
    if l1_ratio == 0.0:
        least = LEAST_RIDGE
    return np.asarray((peak or 1.0) * np.geomspace(1.0, least, n_alphas))


def variance_change(new: Variances, old: Variances) -> float:
    """Compute the largest change of a (co)variance over the sum of variances."""
    steps = [abs(new.sigma2 - old.sigma2)]
    total = new.sigma2
    for one, other in zip(new.covariances, old.covariances, strict=True):
        steps.append(float(np.abs(one - other).max()))
        total += float(np.trace(one))
    return max(steps) / total
