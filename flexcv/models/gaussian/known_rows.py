r"""Effects of groups of whom some rows are known, with the fit held as it is.

Before these rows the effects of a level that training showed have the mean b and the
covariance P that training left of them; those of another level have the mean 0 and
the covariance D. With C = L L' of all effects that known rows touch,

    b + L u,   u = (I + L'Z'RZ L)^-1 L'Z'R (y - f - Z b),   R = diag(1 / variance)

is the conditional mean given training and known rows together, while coefficients and
variances stay: for a new level D Z'V^-1 (y - f). For other outcomes the same u is
where the joint density of rows and effects is largest, found by Newton steps
(`flexcv.models.laplace.known_modes`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array, eye_array
from scipy.sparse import hstack as sparse_hstack
from scipy.sparse.linalg import splu

from flexcv.arrays import FloatArray, IntArray
from flexcv.errors import ModelError
from flexcv.models.design.columns import RandomDesign, RandomFactor

from .conditional import LARGEST_JOINT


class LevelSpread(Protocol):
    """What training left unknown of the effects of its levels."""

    def blocks_of(self, codes: IntArray) -> FloatArray:
        """Return the covariance of each level of one factor, (levels, q, q)."""

    def joint_of(self, levels: Sequence[IntArray]) -> FloatArray:
        """Return one covariance over levels of several factors.

        It is ordered by factor, level and effect.
        """


def effect_loads(
    design: RandomDesign,
    known: IntArray,
    covariances: Sequence[FloatArray],
    spread: LevelSpread,
) -> csr_array:
    """Return Z L: what each row takes of the independent u that known rows touch.

    Parameters
    ----------
    design
        All rows; codes from a factor's number of levels on are levels that training
        did not show.
    known
        Positions of the known rows.
    covariances
        Per factor D.
    spread
        What training left unknown.

    Returns
    -------
    A sparse matrix with a row for each row of the design.
    """
    # Of several factors levels that no known row has move, too: training ties them.
    counted = known if len(design.factors) == 1 else np.arange(len(design))
    levels = [np.unique(factor.codes[counted]) for factor in design.factors]
    parts, old = [], []
    for factor, own, d in zip(design.factors, levels, covariances, strict=True):
        parts.append(_level_loads(factor, own[own >= factor.n_levels], root_of(d)))
        old.append(own[own < factor.n_levels])
    if any(len(own) for own in old):
        parts.append(_trained_loads(design, old, spread))
    return csr_array(sparse_hstack(parts))


def conditional_mean(
    loads: csr_array, residuals: FloatArray, precisions: FloatArray
) -> FloatArray:
    """Return u for normal rows.

    Parameters
    ----------
    loads
        Of the known rows, from `effect_loads`.
    residuals
        Their outcome less fixed part and effects as training left them.
    precisions
        One over the variance of each row, given the effects.

    Examples
    --------
    One row of one level, with variances 1 and 3:

    >>> conditional_mean(csr_array([[1.0]]), np.array([2.0]), np.array([1 / 3]))
    array([0.5])
    """
    return solved(loads, precisions, loads.T @ (precisions * residuals))


def solved(loads: csr_array, weights: FloatArray, right: FloatArray) -> FloatArray:
    """Solve (I + K'WK) u = r with sparse K and diagonal W."""
    if not loads.shape[1]:
        return np.zeros(0)
    inner = loads.T @ loads.multiply(weights[:, None])
    system = (inner + eye_array(loads.shape[1])).tocsc()
    options = {"SymmetricMode": True}
    order = "MMD_AT_PLUS_A"
    return np.asarray(splu(system, permc_spec=order, options=options).solve(right))


def root_of(covariances: FloatArray) -> FloatArray:
    """Return L with L L' = C for one covariance or many, which may be singular."""
    values, axes = np.linalg.eigh(covariances)
    return np.asarray(axes * np.sqrt(np.maximum(values, 0.0))[..., None, :])


def _trained_loads(
    design: RandomDesign, levels: Sequence[IntArray], spread: LevelSpread
) -> csr_array:
    """Return the loads on levels that training showed."""
    if len(design.factors) == 1:
        roots = root_of(spread.blocks_of(levels[0]))
        return _level_loads(design.factors[0], levels[0], roots)
    size = sum(
        factor.n_effects * len(own)
        for factor, own in zip(design.factors, levels, strict=True)
    )
    if size > LARGEST_JOINT:
        raise ModelError(
            f"known rows of several factors move at most {LARGEST_JOINT} effects of "
            f"levels that training showed, and these rows have {size}; predict fewer "
            "rows at a time."
        )
    units = [
        _level_loads(factor, own, np.eye(factor.n_effects))
        for factor, own in zip(design.factors, levels, strict=True)
    ]
    return csr_array(csr_array(sparse_hstack(units)) @ root_of(spread.joint_of(levels)))


def _level_loads(
    factor: RandomFactor, levels: IntArray, roots: FloatArray
) -> csr_array:
    """Return z'L of each row on the effects of some levels.

    Parameters
    ----------
    factor
        Codes and columns.
    levels
        In rising order; rows of other levels have no loads.
    roots
        L, one for all levels or one for each.
    """
    n, q = len(factor.codes), factor.n_effects
    shape = (n, q * len(levels))
    if not len(levels):
        return csr_array(shape)
    place = np.minimum(np.searchsorted(levels, factor.codes), len(levels) - 1)
    rows = np.flatnonzero(levels[place] == factor.codes)
    place, z = place[rows], np.stack(factor.columns, axis=1)[rows]
    own = np.broadcast_to(roots, (len(levels), q, q))[place]
    values = np.einsum("na,nab->nb", z, own)
    columns = place[:, None] * q + np.arange(q)
    return csr_array(
        (values.ravel(), (np.repeat(rows, q), columns.ravel())), shape=shape
    )
