"""Sums over rows as the fitted model would draw them, without the rows.

Under the model Z'e and X'e are normal with covariance sigma^2 [Z X]'[Z X], and what
they leave of e'e is sigma^2 times a chi-squared. So a draw costs O(levels).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from flexcv.arrays import FloatArray

from .blocks import Sizes

RANK = 1e-10  # eigenvalue, relative to the largest, that counts as none


class DrawnSums(NamedTuple):
    """``[X y]'[X y]`` and ``Z'[Z X y]`` with a target that was drawn."""

    gram: FloatArray
    cross: FloatArray


Draw: TypeAlias = Callable[[np.random.Generator], DrawnSums]


def draws_of_one_factor(
    gram: FloatArray,
    cross: FloatArray,
    n_rows: int,
    factors: Sequence[FloatArray],
    sigma: float,
) -> Draw:
    """Return the function that draws the sums of one grouping factor, or of none.

    Parameters
    ----------
    gram, cross, n_rows
        As in `GroupSums`.
    factors
        Lambda of the factor.
    sigma
        The residual standard deviation.
    """
    q, _, levels = cross.shape
    moments = cross[:, :q].transpose(2, 0, 1)
    links = cross[:, q:-1].transpose(2, 0, 1)
    roots, inverse_roots, rank = _roots(moments)
    explained = np.einsum("nab,nbp->nap", inverse_roots, links)
    left = gram[:-1, :-1] - np.einsum("nap,nar->pr", explained, explained)
    rest_root, _, rest_rank = _roots(left[None])
    spare = n_rows - rank - rest_rank
    factor = factors[0] if factors else np.zeros((0, 0))

    def draw(rng: np.random.Generator) -> DrawnSums:
        b = sigma * rng.normal(size=(levels, q)) @ factor.T
        noise, other = rng.normal(size=(levels, q)), rng.normal(size=len(left))
        e = sigma * np.einsum("nab,nb->na", roots, noise)
        used = _used(roots, noise) + _used(rest_root, other[None])
        z = e + np.einsum("nab,nb->na", moments, b)
        x = sigma * (np.einsum("nap,na->p", explained, noise) + rest_root[0] @ other)
        x = x + np.einsum("nap,na->p", links, b)
        y = sigma**2 * (used + rng.chisquare(spare)) + float((b * (z + e)).sum())
        drawn = DrawnSums(gram.copy(), cross.copy())
        drawn.cross[:, -1] = z.T
        drawn.gram[:-1, -1], drawn.gram[-1, :-1], drawn.gram[-1, -1] = x, x, y
        return drawn

    return draw


def draws_of_several_factors(
    gram: FloatArray,
    cross: FloatArray,
    n_rows: int,
    sizes: Sizes,
    factors: Sequence[FloatArray],
    sigma: float,
) -> Draw:
    """Return the function that draws the sums of several factors with few levels.

    Parameters
    ----------
    gram, cross, n_rows, sizes
        As in `DenseSums`.
    factors
        Lambda of each factor.
    sigma
        The residual standard deviation.
    """
    m, p = len(cross), len(gram) - 1
    square = np.empty((m + p, m + p))
    square[:m] = cross[:, :-1]
    square[m:, :m], square[m:, m:] = cross[:, m:-1].T, gram[:p, :p]
    roots, _, rank = _roots(square[None])

    def draw(rng: np.random.Generator) -> DrawnSums:
        effects = [
            (f @ rng.normal(size=(q, n))).reshape(-1)
            for f, (q, n) in zip(factors, sizes, strict=True)
        ]
        b = sigma * np.concatenate(effects)
        noise = rng.normal(size=m + p)
        e = sigma * roots[0] @ noise
        right = e + square[:, :m] @ b
        free = rng.chisquare(n_rows - rank)
        y = sigma**2 * (_used(roots, noise[None]) + free) + b @ (right[:m] + e[:m])
        drawn = DrawnSums(gram.copy(), cross.copy())
        drawn.cross[:, -1] = right[:m]
        drawn.gram[:p, p], drawn.gram[p, :p] = right[m:], right[m:]
        drawn.gram[p, p] = y
        return drawn

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


def generator_of(random_state: Any) -> np.random.Generator:
    """Return a generator from a seed, a generator or None."""
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**31))
    return np.random.default_rng(random_state)
