"""Parametric-bootstrap intervals, drawn and refitted from sums.

The likelihood sees the data only through sums over rows, and under the fitted model
these sums have a known joint distribution: Z'e and X'e are normal with covariance
sigma^2 [Z X]'[Z X], and what they leave of e'e is sigma^2 times a chi-squared. So a
draw costs O(levels), and the training rows are not needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from flexcv.arrays import FloatArray
from flexcv.errors import ModelError

from .engine import Estimate, at_minimum, search
from .few_levels import DenseSums
from .one_factor import GroupSums
from .parameters import parameter_frame
from .problem import Sums

RANK = 1e-10  # eigenvalue, relative to the largest, that counts as none

Draw = Callable[[np.random.Generator], Sums]


def bootstrap_intervals(
    fitted: Estimate,
    names: Sequence[str],
    groups: Sequence[tuple[str, Sequence[str]]],
    *,
    n_draws: int,
    rng: np.random.Generator,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return estimate, lower and upper from refits to data drawn from the model.

    Parameters
    ----------
    fitted
        A fitted model.
    names
        Names of the kept fixed effects.
    groups
        Per factor its name and the names of its effects.
    n_draws
        How many data sets to draw.
    rng
        Source of random numbers.
    level
        Coverage of the intervals.
    """
    draw = _drawer(fitted)
    origin = fitted.basis.origin + fitted.basis.target_scale * fitted.at.beta
    basis = replace(fitted.basis, origin=origin)
    estimates = []
    for _ in range(n_draws):
        problem = replace(fitted.problem, sums=draw(rng), latest=[])
        again = at_minimum(problem, basis, search(problem))
        estimates.append(parameter_frame(again, names, groups)["estimate"].to_numpy())
    tail = 50.0 * (1.0 - level)
    lower, upper = np.nanpercentile(np.array(estimates), [tail, 100.0 - tail], axis=0)
    frame = parameter_frame(fitted, names, groups)
    return frame.assign(lower=lower, upper=upper)


def _drawer(fitted: Estimate) -> Draw:
    sums = fitted.problem.sums
    if isinstance(sums, GroupSums):
        return _one_factor_drawer(fitted, sums)
    if isinstance(sums, DenseSums):
        return _several_factors_drawer(fitted, sums)
    raise ModelError(
        "the bootstrap draws from crossed factors with a few hundred levels at most, "
        "got more; use `profile_intervals`."
    )


def _one_factor_drawer(fitted: Estimate, sums: GroupSums) -> Draw:
    q, _, levels = sums.cross.shape
    sigma = float(np.sqrt(fitted.at.r2 / fitted.at.free))
    moments = sums.cross[:, :q].transpose(2, 0, 1)
    links = sums.cross[:, q:-1].transpose(2, 0, 1)
    roots, inverse_roots, rank = _roots(moments)
    explained = np.einsum("nab,nbp->nap", inverse_roots, links)
    left = sums.gram[:-1, :-1] - np.einsum("nap,nar->pr", explained, explained)
    rest_root, _, rest_rank = _roots(left[None])
    spare = sums.n_rows - rank - rest_rank
    factors = fitted.problem.factors(fitted.minimum.theta)
    factor = factors[0] if factors else np.zeros((0, 0))

    def draw(rng: np.random.Generator) -> GroupSums:
        b = sigma * rng.normal(size=(levels, q)) @ factor.T
        noise, other = rng.normal(size=(levels, q)), rng.normal(size=len(left))
        e = sigma * np.einsum("nab,nb->na", roots, noise)
        used = _used(roots, noise) + _used(rest_root, other[None])
        z = e + np.einsum("nab,nb->na", moments, b)
        x = sigma * (np.einsum("nap,na->p", explained, noise) + rest_root[0] @ other)
        x = x + np.einsum("nap,na->p", links, b)
        y = sigma**2 * (used + rng.chisquare(spare)) + float((b * (z + e)).sum())
        cross, gram = sums.cross.copy(), sums.gram.copy()
        cross[:, -1] = z.T
        gram[:-1, -1], gram[-1, :-1], gram[-1, -1] = x, x, y
        return replace(sums, cross=cross, gram=gram, within=None)

    return draw


def _several_factors_drawer(fitted: Estimate, sums: DenseSums) -> Draw:
    m, p = len(sums.cross), sums.n_fixed
    sigma = float(np.sqrt(fitted.at.r2 / fitted.at.free))
    square = np.empty((m + p, m + p))
    square[:m] = sums.cross[:, :-1]
    square[m:, :m], square[m:, m:] = sums.cross[:, m:-1].T, sums.gram[:p, :p]
    roots, _, rank = _roots(square[None])
    factors = fitted.problem.factors(fitted.minimum.theta)

    def draw(rng: np.random.Generator) -> DenseSums:
        effects = [
            (f @ rng.normal(size=(q, n))).reshape(-1)
            for f, (q, n) in zip(factors, sums.sizes, strict=True)
        ]
        b = sigma * np.concatenate(effects)
        noise = rng.normal(size=m + p)
        e = sigma * roots[0] @ noise
        right = e + square[:, :m] @ b
        free = rng.chisquare(sums.n_rows - rank)
        y = sigma**2 * (_used(roots, noise[None]) + free) + b @ (right[:m] + e[:m])
        cross, gram = sums.cross.copy(), sums.gram.copy()
        cross[:, -1] = right[:m]
        gram[:p, p], gram[p, :p], gram[p, p] = right[m:], right[m:], y
        return replace(sums, cross=cross, gram=gram)

    return draw


def _roots(matrices: FloatArray) -> tuple[FloatArray, FloatArray, int]:
    """Return symmetric roots, their pseudo-inverses and the rank of all together."""
    if matrices.size == 0:
        return matrices, matrices, 0
    values, axes = np.linalg.eigh(matrices)
    largest = np.maximum(values[..., -1:], np.finfo(float).tiny)
    used = values > RANK * largest
    root = np.sqrt(np.where(used, values, 0.0))
    back = np.where(used, 1.0 / np.where(used, root, 1.0), 0.0)
    flipped = np.swapaxes(axes, -1, -2)
    return (
        (axes * root[..., None, :]) @ flipped,
        (axes * back[..., None, :]) @ flipped,
        int(used.sum()),
    )


def _used(roots: FloatArray, noise: FloatArray) -> float:
    """Return the squared length of the noise in the directions that the roots keep."""
    if roots.size == 0:
        return 0.0
    values, axes = np.linalg.eigh(roots)
    kept = values > np.sqrt(RANK) * np.maximum(values[..., -1:], np.finfo(float).tiny)
    turned = np.einsum("nba,nb->na", axes, noise)
    return float((turned[kept] ** 2).sum())
