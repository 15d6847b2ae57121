"""How far a new observation may lie from its prediction, and draws from the model.

A prediction x'beta + z'b misses y by the residual, by what is unknown of b and by what
is unknown of beta. In units of sigma^2 the variance is

    1/w + z'(D - D W D) z + l'(X'V^-1X)^-1 l,   l = x - (Z'V^-1X)' D z,  W = Z'V^-1Z

with D - D W D replaced by D for an unknown level (Henderson 1975, Biometrics 31,
423-447). Degrees of freedom are Satterthwaite's, for this variance as a function of
(theta, sigma).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from flexcv.arrays import FloatArray
from flexcv.models.design.columns import RandomDesign

from .engine import Estimate
from .inference import parameter_covariance

CHUNK_ROWS = 2000
STEP = 1e-4


def prediction_reach(
    fitted: Estimate,
    columns: Sequence[FloatArray],
    design: RandomDesign,
    weights: FloatArray,
    level: float,
) -> FloatArray:
    """Return half the width of the prediction intervals.

    Parameters
    ----------
    fitted
        A fitted model.
    columns
        The kept fixed columns of the new table.
    design
        Its random part; code -1 is an unknown level.
    weights
        Weights of the new observations.
    level
        Coverage of the intervals.
    """
    fixed = np.column_stack(columns) @ fitted.basis.fixed
    theta = fitted.minimum.theta
    relative = _relative_variance(fitted, theta, fixed, design) + 1.0 / weights
    sigma2 = fitted.at.r2 / fitted.at.free
    slopes = [
        sigma2 * _slope(fitted, direction, fixed, design)
        for direction in np.eye(len(theta))
    ]
    slopes.append(2.0 * relative * np.sqrt(sigma2))
    gradient = np.stack(slopes, axis=1)
    cov = parameter_covariance(fitted)
    spread = np.einsum("nk,kl,nl->n", gradient, cov, gradient)
    df = 2.0 * (sigma2 * relative) ** 2 / np.maximum(spread, np.finfo(float).tiny)
    return np.asarray(
        stats.t.ppf(0.5 + 0.5 * level, df) * fitted.sigma * np.sqrt(relative)
    )


def _slope(
    fitted: Estimate, direction: FloatArray, fixed: FloatArray, design: RandomDesign
) -> FloatArray:
    theta, step = fitted.minimum.theta, STEP * direction
    ahead = _relative_variance(fitted, theta + step, fixed, design)
    behind = _relative_variance(fitted, theta - step, fixed, design)
    return (ahead - behind) / (2.0 * STEP)


def _relative_variance(
    fitted: Estimate, theta: FloatArray, fixed: FloatArray, design: RandomDesign
) -> FloatArray:
    parts = [
        _chunk_variance(fitted, theta, fixed[rows], design, rows)
        for start in range(0, len(fixed), CHUNK_ROWS)
        for rows in [slice(start, start + CHUNK_ROWS)]
    ]
    return np.concatenate([np.zeros(0), *parts])


def _chunk_variance(
    fitted: Estimate,
    theta: FloatArray,
    fixed: FloatArray,
    design: RandomDesign,
    rows: slice,
) -> FloatArray:
    """Return the variance of z'b and x'beta about their predictions, over sigma^2."""
    problem = fitted.problem
    at = problem.profile(problem.factors(theta))
    factors = problem.factors(theta)
    total = np.zeros(len(fixed))
    places, loads = [], []
    start = 0
    for factor, basis, lam, (q, n) in zip(
        design.factors, fitted.basis.random, factors, problem.sizes, strict=True
    ):
        z = np.stack([c[rows] for c in factor.columns], axis=1) @ basis
        d = lam @ lam.T
        codes = factor.codes[rows]
        total += np.einsum("na,ab,nb->n", z, d, z)
        loads.append(np.where(codes[:, None] >= 0, z @ d, 0.0))
        places.append(start + np.arange(q) * n + np.maximum(codes, 0)[:, None])
        start += q * n
    if not places:
        return np.asarray(total + ((fixed @ at.root.T) ** 2).sum(axis=1))
    place, load = np.hstack(places), np.hstack(loads)
    whitened = problem.sums.level_rows(at.whitened)[place]
    lines = fixed @ at.root.T - np.einsum("nk,nkp->np", load, whitened)
    known = problem.sums.within_form(at, factors, place, load)
    return np.asarray(total - known + (lines**2).sum(axis=1))


def simulated_effects(
    fitted: Estimate, n_levels: Sequence[int], rng: np.random.Generator
) -> list[FloatArray]:
    """Draw new random effects per factor, shape (levels, effects)."""
    return [
        fitted.sigma * rng.normal(size=(n, len(factor))) @ factor.T
        for factor, n in zip(fitted.factors, n_levels, strict=True)
    ]
