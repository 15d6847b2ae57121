"""How well the estimates are known: degrees of freedom and conditional variances.

Satterthwaite's degrees of freedom of a contrast l'beta are 2 f^2 / (g' A g) with f its
variance, g the gradient of f in (theta, sigma) and A their covariance, twice the
inverse Hessian of the criterion (Kuznetsova, Brockhoff & Christensen 2017, J. Stat.
Softw. 82(13)). All derivatives are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag

from flexcv.arrays import FloatArray, IntArray

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
    # In units of itself a large theta, or a small sigma, is not taken for flat.
    units = np.append(np.maximum(np.abs(fitted.minimum.theta), 1.0), precision**-0.5)
    values, axes = np.linalg.eigh(hessian * np.outer(units, units))
    used = values > FLAT * values[-1]
    scaled = units[:, None] * axes[:, used]
    return np.asarray(2.0 * (scaled / values[used]) @ scaled.T)


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


@dataclass(frozen=True, slots=True, eq=False)
class TrainedLevels:
    """What a fit left unknown of the effects of its levels, asked for by levels."""

    fitted: Estimate

    def blocks_of(self, codes: IntArray) -> FloatArray:
        """Return the covariance of each level of one factor, (levels, q, q)."""
        return conditional_covariances(self.fitted)[0][codes]

    def joint_of(self, levels: Sequence[IntArray]) -> FloatArray:
        """Return sigma^2 (D - D Z'V^-1Z D) over levels of several factors.

        It is ordered by factor, level and effect.
        """
        problem = self.fitted.problem
        factors = problem.factors(self.fitted.minimum.theta)
        start, places, spreads, bases = 0, [], [], []
        sizes, turns = problem.sizes, self.fitted.basis.random
        for own, (q, n), lam, turn in zip(levels, sizes, factors, turns, strict=True):
            places.append((start + np.arange(q) * n + own[:, None]).ravel())
            spreads.append(np.kron(np.eye(len(own)), lam @ lam.T))
            bases.append(np.kron(np.eye(len(own)), turn))
            start += q * n
        used, d, turn = np.concatenate(places), block_diag(*spreads), block_diag(*bases)
        within = problem.sums.within_square(self.fitted.at, factors, used)
        left = d - d @ within @ d
        return np.asarray(self.fitted.sigma**2 * turn @ left @ turn.T)


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
