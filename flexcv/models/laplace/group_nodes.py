"""The integral over a level's random effect: by its peak, or by quadrature."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from flexcv.arrays import FloatArray

from ._dispersion import DISPERSION_TERMS, DispersionTerms
from .group_modes import GroupRows, Mode


class Nodes(NamedTuple):
    """What the quadrature changes; each array per level or per row."""

    value: FloatArray
    score: FloatArray  # expected over the nodes, per row
    products: FloatArray  # sum over nodes of (Z'score) u', summed over levels
    spread: FloatArray | float  # how much of log|A| counts
    drift: FloatArray | float  # derivative of the value in the centre
    loglik_in_dispersion: float
    dispersion: DispersionTerms | None  # at the mode


def one_node(
    rows: GroupRows,
    eta: FloatArray,
    factor: FloatArray,
    dispersion: float,
    mode: Mode,
) -> Nodes:
    """Return Laplace's approximation: the one node is the mode."""
    own = _dispersion_terms(rows, eta + rows.row_sum(factor @ mode.u), dispersion)
    total = 0.0 if own is None else float(own.loglik.sum())
    return Nodes(
        mode.value - 0.5 * mode.log_det,
        mode.terms.score,
        mode.scores @ mode.u.T,
        1.0,
        0.0,
        total,
        own,
    )


def quadrature(
    rows: GroupRows,
    eta: FloatArray,
    factor: FloatArray,
    dispersion: float,
    mode: Mode,
    n_nodes: int,
) -> Nodes:
    """Sum over nodes u = mode + x / sqrt(A) by the logarithm of a sum of exponentials.

    `spread` and `drift` both tend to zero as the sum gets exact.
    """
    if rows.n_effects > 1:
        raise ValueError(
            "quadrature needs one random effect per level, got "
            f"{rows.n_effects}; use one node (Laplace)."
        )
    x, log_weight = _nodes(n_nodes)
    scale = np.sqrt(mode.inverse[0, 0])
    u = mode.u[0] + x[:, None] * scale
    values, scores, in_dispersion = [], [], []
    for one in u:
        here = eta + rows.row_sum(factor @ one[None])
        terms = rows.family.kernel(rows.y, here, rows.weights, dispersion)
        values.append(rows.levels.sum(terms.loglik) - 0.5 * one * one)
        scores.append(terms.score)
        own = _dispersion_terms(rows, here, dispersion)
        in_dispersion.append(None if own is None else rows.levels.sum(own.loglik))
    logs = np.stack(values) + log_weight[:, None]
    top = logs.max(axis=0)
    share = np.exp(logs - top)
    total = share.sum(axis=0)
    share /= total
    sums = np.stack([rows.level_sums(score)[0] for score in scores])
    slope = factor[0, 0] * sums - u
    score = np.zeros_like(eta)
    for part, row_scores in zip(share, scores, strict=True):
        score += rows.levels.spread(part) * row_scores
    shares = zip(share, in_dispersion, strict=True)
    return Nodes(
        np.log(scale) + top + np.log(total),
        score,
        np.array([[float((share * u * sums).sum())]]),
        1.0 + scale * (share * x[:, None] * slope).sum(axis=0),
        (share * slope).sum(axis=0),
        sum(float(part @ own) for part, own in shares if own is not None),
        _dispersion_terms(rows, eta + rows.row_sum(factor @ mode.u), dispersion),
    )


def _nodes(n_nodes: int) -> tuple[FloatArray, FloatArray]:
    """Return nodes x for a standard normal and log(weight) + x^2 / 2."""
    x, weights = np.polynomial.hermite_e.hermegauss(n_nodes)
    return x, np.log(weights / np.sqrt(2.0 * np.pi)) + 0.5 * x * x


def _dispersion_terms(
    rows: GroupRows, eta: FloatArray, dispersion: float
) -> DispersionTerms | None:
    if not rows.family.has_dispersion:
        return None
    return DISPERSION_TERMS[rows.family.name](rows.y, eta, rows.weights, dispersion)
