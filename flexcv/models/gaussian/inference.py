"""How well the estimates are known: degrees of freedom and conditional variances.

Satterthwaite's degrees of freedom of a contrast l'beta are 2 f^2 / (g' A g) with f its
variance, g the gradient of f in (theta, sigma) and A their covariance, twice the
inverse Hessian of the criterion (Kuznetsova, Brockhoff & Christensen 2017, J. Stat.
Softw. 82(13)). All derivatives are exact.
"""

from __future__ import annotations

import numpy as np

from flexcv.arrays import FloatArray

from .engine import Estimate
from .problem import Problem

FLAT = 1e-9  # curvature, relative to the largest, that counts as none


def entry_sums(problem: Problem, left: FloatArray, right: FloatArray) -> FloatArray:
    """Sum outer products of rows over levels, per entry of every D."""
    sums, start = [np.zeros((0, left.shape[1], right.shape[1]))], 0
    for q, n in problem.sizes:
        a = left[start : start + q * n].reshape(q, n, -1)
        b = right[start : start + q * n].reshape(q, n, -1)
        block = np.einsum("anp,bnr->abpr", a, b)
        sums.append(block.reshape(q * q, *block.shape[2:]))
        start += q * n
    return np.concatenate(sums)


def parameter_covariance(fitted: Estimate) -> FloatArray:
    """Return the covariance of the internal (theta, sigma).

    Directions in which the criterion is flat, as at a variance of zero, get none.
    """
    problem, at = fitted.problem, fitted.at
    precision = at.free / at.r2
    slope = _r2_slope(fitted)
    size = len(slope)
    hessian = np.empty((size + 1, size + 1))
    hessian[:size, :size] = problem.exact_hessian(fitted.minimum.theta)
    hessian[:size, :size] += precision**2 / at.free * np.outer(slope, slope)
    hessian[:size, size] = hessian[size, :size] = -2.0 * slope * precision**1.5
    hessian[size, size] = 4.0 * at.free * precision
    values, axes = np.linalg.eigh(hessian)
    used = values > FLAT * values[-1]
    return np.asarray(2.0 * (axes[:, used] / values[used]) @ axes[:, used].T)


def satterthwaite(fitted: Estimate, contrasts: FloatArray | None = None) -> FloatArray:
    """Return degrees of freedom, of each fixed effect or of each contrast.

    Parameters
    ----------
    fitted
        A fitted model.
    contrasts
        One row per contrast of the kept fixed effects.
    """
    problem, at = fitted.problem, fitted.at
    p = len(fitted.beta)
    rows = np.eye(p) if contrasts is None else contrasts
    if not problem.shapes:
        return np.full(len(rows), float(at.free))
    turned = rows @ fitted.basis.fixed @ at.root.T
    sigma2 = at.r2 / at.free
    variance = sigma2 * (turned**2).sum(axis=1)
    spread = _spread_in_theta(problem, fitted)
    slopes = [sigma2 * np.einsum("cp,pr,cr->c", turned, k, turned) for k in spread]
    slopes.append(2.0 * variance / np.sqrt(sigma2))
    gradient = np.stack(slopes, axis=1)
    cov = parameter_covariance(fitted)
    return np.asarray(
        2.0 * variance**2 / np.einsum("ck,kl,cl->c", gradient, cov, gradient)
    )


def conditional_covariances(fitted: Estimate) -> tuple[FloatArray, ...]:
    """Return the covariance of the effects of each level given the data.

    Per factor (levels, effects, effects), as lme4's ``condVar``: fixed effects and
    variances are taken as known.
    """
    problem, at = fitted.problem, fitted.at
    factors = problem.factors(fitted.minimum.theta)
    blocks = problem.sums.within_blocks(at, factors)
    covs = []
    for factor, basis, within in zip(factors, fitted.basis.random, blocks, strict=True):
        d = factor @ factor.T
        left = d - np.einsum("ab,nbc,cd->nad", d, within, d)
        covs.append(fitted.sigma**2 * np.einsum("ab,nbc,dc->nad", basis, left, basis))
    return tuple(covs)


def _r2_slope(fitted: Estimate) -> FloatArray:
    """Return the gradient of the penalised residual sum of squares in theta."""
    problem, at = fitted.problem, fitted.at
    scores = at.scores.reshape(-1, 1)
    entries = entry_sums(problem, scores, scores)[:, 0, 0]
    if not problem.shapes:
        return np.zeros(0)
    return -problem.chain(problem.factors(fitted.minimum.theta)) @ entries


def _spread_in_theta(problem: Problem, fitted: Estimate) -> FloatArray:
    rows = problem.sums.level_rows(fitted.at.whitened)
    spread = entry_sums(problem, rows, rows)
    chain = problem.chain(problem.factors(fitted.minimum.theta))
    return np.tensordot(chain, spread, axes=1)
