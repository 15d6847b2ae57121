r"""The marginal likelihood of one grouping factor by Laplace or Gauss-Hermite.

Row i of level g has linear predictor :math:`\eta_i = f_i + z_i'\Lambda u_g` with
:math:`u_g \sim N(0, I_q)`. With the conditional mode :math:`\hat u_g` and
:math:`A_g = I + \Lambda' Z_g' W_g Z_g \Lambda` (W holds the observed information),

.. math:: \log L \approx \sum_g \Bigl[\sum_i \ell_i(\hat\eta_i)
          - \tfrac12 |\hat u_g|^2 - \tfrac12 \log |A_g| \Bigr]

and for one effect per level adaptive Gauss-Hermite quadrature, centred and scaled at
the mode, replaces the last two terms (Pinheiro & Bates 1995, J. Comput. Graph. Stat.
4, 12-35). All gradients are exact: they follow the mode and the determinant.

A learner of any kind gives ``eta``, its prediction on the scale of the link (with the
offset), and gets back the marginal log-likelihood and what it would gain from moving
each row::

    rows = group_rows(Binomial(), y, codes, [np.ones(len(y))])
    at = group_laplace(rows, eta, np.array([[1.0]]))
    at.loglik, at.eta_gradient  # boosting: negative gradients per row
    at.factor_gradient  # in the entries of Lambda
    at = group_laplace(rows, eta, factor, start=at.modes)  # warm
    at.effects, at.covariance  # b and its conditional covariance

Cost is O(n q^2) per Newton step. `random_refit.refit_random_part` maximises over
Lambda and the average of the random columns for a fixed ``eta``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from flexcv.arrays import FloatArray

from .group_modes import (
    GroupRows,
    Mode,
    conditional_modes,
    level_times,
)
from .group_modes import group_rows as group_rows
from .group_nodes import Nodes, one_node, quadrature


class GroupLaplace(NamedTuple):
    """The marginal log-likelihood at one (eta, Lambda, dispersion).

    Attributes
    ----------
    loglik
        Its value, constants included.
    eta_gradient
        Its derivative in each row's eta, shape (n_rows,).
    factor_gradient
        Its derivatives in the entries of Lambda, shape (q, q); use the free ones.
    dispersion_gradient, dispersion_information
        Its derivative in the logarithm of the dispersion, zero where there is none,
        and the sum of the rows' squared derivatives.
    modes
        u, shape (q, levels): pass it as `start` of the next evaluation.
    effects
        b = Lambda u, shape (q, levels).
    covariance
        Conditional covariance of b at the mode, shape (q, q, levels).
    information, scores
        Of the rows at the mode, (n_rows,), and Z'score per level, (q, levels).
    converged
        Whether every level's mode was found.
    """

    loglik: float
    eta_gradient: FloatArray
    factor_gradient: FloatArray
    dispersion_gradient: float
    dispersion_information: float
    modes: FloatArray
    effects: FloatArray
    covariance: FloatArray
    information: FloatArray
    scores: FloatArray
    converged: bool


def group_laplace(
    rows: GroupRows,
    eta: FloatArray,
    factor: FloatArray,
    *,
    dispersion: float = 1.0,
    start: FloatArray | None = None,
    n_nodes: int = 1,
) -> GroupLaplace:
    """Return the marginal log-likelihood with exact gradients.

    Parameters
    ----------
    rows
        What `group_rows` gives.
    eta
        Linear predictor without random effects, shape (n_rows,).
    factor
        Lambda, lower triangular, shape (q, q); the effects' covariance is its square
        Lambda Lambda'.
    dispersion
        Of families that have one.
    start
        Modes of an earlier evaluation.
    n_nodes
        Nodes of adaptive Gauss-Hermite quadrature; one is Laplace's approximation,
        more need a single effect per level.

    Examples
    --------
    Two levels, one with ones only; its mode is finite:

    >>> from flexcv.models.laplace.families import Binomial
    >>> y, codes = np.array([1.0, 1.0, 0.0, 1.0]), np.array([0, 0, 1, 1])
    >>> rows = group_rows(Binomial(), y, codes, [np.ones(4)])
    >>> at = group_laplace(rows, np.zeros(4), np.array([[1.0]]))
    >>> round(at.loglik, 4), at.effects.round(3)
    (-2.8247, array([[0.675, 0.   ]]))
    """
    mode, converged = conditional_modes(rows, eta, factor, dispersion, start)
    if n_nodes > 1:
        nodes = quadrature(rows, eta, factor, dispersion, mode, n_nodes)
    else:
        nodes = one_node(rows, eta, factor, dispersion, mode)
    covariance = np.einsum("ac,cdn,bd->abn", factor, mode.inverse, factor)
    leverage = rows.quadratic(covariance)
    slopes = rows.level_sums(mode.terms.slope * leverage)
    pull = nodes.spread * (factor.T @ slopes) - 2.0 * nodes.drift
    v = level_times(mode.inverse, pull)
    moved, own = rows.row_sum(factor @ v), nodes.dispersion
    # What is left of the way to the mode moves log|A| in first order.
    left = float(((factor.T @ mode.scores - mode.u) * v).sum())
    return GroupLaplace(
        rows.constant + float(nodes.value.sum()) - 0.5 * left,
        _eta_gradient(rows, mode, nodes, leverage, moved),
        _factor_gradient(factor, mode, nodes, slopes, v),
        _dispersion_gradient(rows, nodes, leverage, moved),
        0.0 if own is None else float(own.loglik @ own.loglik),
        mode.u,
        factor @ mode.u,
        covariance,
        mode.terms.information,
        mode.scores,
        converged,
    )


def _eta_gradient(
    rows: GroupRows,
    mode: Mode,
    nodes: Nodes,
    leverage: FloatArray,
    moved: FloatArray,
) -> FloatArray:
    """Differentiate in eta: directly, through log|A|, and through the mode."""
    spread = nodes.spread
    if isinstance(spread, np.ndarray):
        spread = rows.levels.spread(spread)
    turned = mode.terms.information * moved - spread * mode.terms.slope * leverage
    return np.asarray(nodes.score + 0.5 * turned)


def _factor_gradient(
    factor: FloatArray,
    mode: Mode,
    nodes: Nodes,
    slopes: FloatArray,
    v: FloatArray,
) -> FloatArray:
    """Differentiate in Lambda: directly, through log|A|, and through the mode."""
    spread = nodes.spread * np.ones(mode.u.shape[1])
    inner = np.einsum("abn,bc,cdn,n->ad", mode.products, factor, mode.inverse, spread)
    through_mode = mode.scores @ v.T - level_times(mode.products, factor @ v) @ mode.u.T
    turned = inner + 0.5 * (spread * slopes) @ mode.u.T + 0.5 * through_mode
    return np.asarray(nodes.products - turned)


def _dispersion_gradient(
    rows: GroupRows, nodes: Nodes, leverage: FloatArray, moved: FloatArray
) -> float:
    own = nodes.dispersion
    if own is None:
        return 0.0
    spread = nodes.spread
    if isinstance(spread, np.ndarray):
        spread = rows.levels.spread(spread)
    bent = spread * leverage * own.information + moved * own.score
    return nodes.loglik_in_dispersion - 0.5 * float(bent.sum())
