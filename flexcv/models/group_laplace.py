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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ._dispersion import DISPERSION_TERMS, DispersionTerms
from ._levels import Levels, inverse_and_log_det, learn_levels
from ._validate import FloatArray, IntArray
from .families import Family, RowTerms

MAX_STEPS = 200
HALVINGS = 40
AT_MODE = 1e-17  # squared Newton step, in conditional standard deviations


@dataclass(frozen=True, slots=True, eq=False)
class GroupRows:
    """The rows of one grouping factor.

    Attributes
    ----------
    family
        Response distribution and link.
    y, weights
        The target and its weights (trials of the binomial family).
    levels
        The level of each row.
    columns
        The random columns, shape (q, n_rows); ones for an intercept.
    constant
        The log-likelihood that no parameter changes.
    """

    family: Family
    y: FloatArray
    weights: FloatArray
    levels: Levels
    columns: FloatArray
    constant: float

    @property
    def n_effects(self) -> int:
        """Effects per level, q."""
        return len(self.columns)

    def row_sum(self, effects: FloatArray) -> FloatArray:
        """Give z'b of each row from effects of shape (q, levels)."""
        total = self.columns[0] * self.levels.spread(effects[0])
        for column, effect in zip(self.columns[1:], effects[1:], strict=True):
            total += column * self.levels.spread(effect)
        return total

    def level_sums(self, values: FloatArray) -> FloatArray:
        """Give Z'v of each level, shape (q, levels)."""
        return np.stack([self.levels.sum(column * values) for column in self.columns])

    def products(self, values: FloatArray) -> FloatArray:
        """Give Z' diag(v) Z of each level, shape (q, q, levels)."""
        q = self.n_effects
        made = np.empty((q, q, self.levels.n_levels))
        for a in range(q):
            weighted = self.columns[a] * values
            for b in range(a + 1):
                sums = self.levels.sum(weighted * self.columns[b])
                made[a, b] = made[b, a] = sums
        return made

    def quadratic(self, matrices: FloatArray) -> FloatArray:
        """Give z'Bz of each row from matrices of shape (q, q, levels)."""
        total = np.zeros(len(self.y))
        for a, left in enumerate(self.columns):
            for b in range(a + 1):
                twice = 1.0 if a == b else 2.0
                total += twice * left * self.columns[b] * self._given(matrices[a, b])
        return total

    def _given(self, values: FloatArray) -> FloatArray:
        return self.levels.spread(values)


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
    dispersion_gradient
        Its derivative in the logarithm of the dispersion, zero where there is none.
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
    modes: FloatArray
    effects: FloatArray
    covariance: FloatArray
    information: FloatArray
    scores: FloatArray
    converged: bool


class Mode(NamedTuple):
    """The joint density at some u; at its largest after `conditional_modes`."""

    u: FloatArray
    terms: RowTerms
    value: FloatArray  # per level, log-likelihood less |u|^2 / 2
    scores: FloatArray
    products: FloatArray
    inverse: FloatArray  # of A
    log_det: FloatArray


def group_rows(
    family: Family,
    y: FloatArray,
    codes: IntArray,
    columns: Sequence[FloatArray] | FloatArray,
    weights: FloatArray | None = None,
    n_levels: int | None = None,
) -> GroupRows:
    """Gather the rows of one grouping factor.

    Parameters
    ----------
    family
        Response distribution and link.
    y
        The target; shares of successes for the binomial family.
    codes
        The level of each row, from zero. Sorted rows are faster; levels may be empty.
    columns
        One array per random effect; ``[np.ones(n)]`` for an intercept.
    weights
        Trials of the binomial family, multipliers of the log-likelihood elsewhere.
    n_levels
        How many levels there are; by default up to the largest code.
    """
    used = np.ones(len(y)) if weights is None else weights
    return GroupRows(
        family,
        y,
        used,
        learn_levels(codes, n_levels),
        np.asarray(columns, dtype=float),
        float(family.constant(y, used).sum()),
    )


def group_laplace(
    rows: GroupRows,
    eta: FloatArray,
    factor: FloatArray,
    *,
    dispersion: float = 1.0,
    start: FloatArray | None = None,
    n_nodes: int = 1,
) -> GroupLaplace:
    """Give the marginal log-likelihood with exact gradients.

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

    >>> from flexcv.models.families import Binomial
    >>> y, codes = np.array([1.0, 1.0, 0.0, 1.0]), np.array([0, 0, 1, 1])
    >>> rows = group_rows(Binomial(), y, codes, [np.ones(4)])
    >>> at = group_laplace(rows, np.zeros(4), np.array([[1.0]]))
    >>> round(at.loglik, 4), at.effects.round(3)
    (-2.8247, array([[0.675, 0.   ]]))
    """
    mode, converged = conditional_modes(rows, eta, factor, dispersion, start)
    if n_nodes > 1:
        nodes = _quadrature(rows, eta, factor, dispersion, mode, n_nodes)
    else:
        nodes = _one_node(rows, eta, factor, dispersion, mode)
    covariance = np.einsum("ac,cdn,bd->abn", factor, mode.inverse, factor)
    leverage = rows.quadratic(covariance)
    slopes = rows.level_sums(mode.terms.slope * leverage)
    pull = nodes.spread * (factor.T @ slopes) - 2.0 * nodes.drift
    v = _times(mode.inverse, pull)
    moved = rows.row_sum(factor @ v)
    return GroupLaplace(
        rows.constant + float(nodes.value.sum()),
        _eta_gradient(rows, mode, nodes, leverage, moved),
        _factor_gradient(factor, mode, nodes, slopes, v),
        _dispersion_gradient(rows, nodes, leverage, moved),
        mode.u,
        factor @ mode.u,
        covariance,
        mode.terms.information,
        mode.scores,
        converged,
    )


def conditional_modes(
    rows: GroupRows,
    eta: FloatArray,
    factor: FloatArray,
    dispersion: float = 1.0,
    start: FloatArray | None = None,
) -> tuple[Mode, bool]:
    """Find each level's most probable u by damped Newton steps.

    The families are log-concave, so each level has one mode, also where all its
    targets are equal: the normal density of u keeps it finite.
    """
    shape = (rows.n_effects, rows.levels.n_levels)
    at = _mode_at(
        rows, eta, factor, dispersion, np.zeros(shape) if start is None else start
    )
    for _ in range(MAX_STEPS):
        gradient = factor.T @ at.scores - at.u
        step = _times(at.inverse, gradient)
        if float((gradient * step).sum(axis=0).max()) <= AT_MODE:
            return at, True
        at = _climbed(rows, eta, factor, dispersion, at, step)
    return at, False


def _mode_at(
    rows: GroupRows,
    eta: FloatArray,
    factor: FloatArray,
    dispersion: float,
    u: FloatArray,
) -> Mode:
    terms = rows.family.kernel(
        rows.y, eta + rows.row_sum(factor @ u), rows.weights, dispersion
    )
    value = rows.levels.sum(terms.loglik) - 0.5 * (u * u).sum(axis=0)
    products = rows.products(terms.information)
    inner = np.einsum("ca,cdn,db->abn", factor, products, factor)
    inner[np.diag_indices(len(u))] += 1.0
    inverse, log_det = inverse_and_log_det(inner)
    scores = rows.level_sums(terms.score)
    return Mode(u, terms, value, scores, products, inverse, log_det)


def _climbed(
    rows: GroupRows,
    eta: FloatArray,
    factor: FloatArray,
    dispersion: float,
    at: Mode,
    step: FloatArray,
) -> Mode:
    """Take the step, halved in every level where it would not climb."""
    length = np.ones(rows.levels.n_levels)
    lowest = at.value - 1e-9 * (1.0 + np.abs(at.value))
    for _ in range(HALVINGS):
        new = _mode_at(rows, eta, factor, dispersion, at.u + length * step)
        falls = ~(new.value >= lowest)
        if not falls.any():
            break
        length = np.where(falls, 0.5 * length, length)
    return new


class _Nodes(NamedTuple):
    """What the quadrature changes; each array per level or per row."""

    value: FloatArray
    score: FloatArray  # expected over the nodes, per row
    products: FloatArray  # sum over nodes of (Z'score) u', summed over levels
    spread: FloatArray | float  # how much of log|A| counts
    drift: FloatArray | float  # derivative of the value in the centre
    loglik_in_dispersion: float
    dispersion: DispersionTerms | None  # at the mode


def _one_node(
    rows: GroupRows,
    eta: FloatArray,
    factor: FloatArray,
    dispersion: float,
    mode: Mode,
) -> _Nodes:
    own = _dispersion_terms(rows, eta + rows.row_sum(factor @ mode.u), dispersion)
    total = 0.0 if own is None else float(own.loglik.sum())
    return _Nodes(
        mode.value - 0.5 * mode.log_det,
        mode.terms.score,
        mode.scores @ mode.u.T,
        1.0,
        0.0,
        total,
        own,
    )


def _quadrature(
    rows: GroupRows,
    eta: FloatArray,
    factor: FloatArray,
    dispersion: float,
    mode: Mode,
    n_nodes: int,
) -> _Nodes:
    """Sum over nodes u = mode + x / sqrt(A) by the logarithm of a sum of exponentials.

    `spread` and `drift` vanish to one and zero as the sum gets exact.
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
    return _Nodes(
        np.log(scale) + top + np.log(total),
        score,
        np.array([[float((share * u * sums).sum())]]),
        1.0 + scale * (share * x[:, None] * slope).sum(axis=0),
        (share * slope).sum(axis=0),
        sum(float(part @ own) for part, own in shares if own is not None),
        _dispersion_terms(rows, eta + rows.row_sum(factor @ mode.u), dispersion),
    )


def _nodes(n_nodes: int) -> tuple[FloatArray, FloatArray]:
    """Give nodes x for a standard normal and log(weight) + x^2 / 2."""
    x, weights = np.polynomial.hermite_e.hermegauss(n_nodes)
    return x, np.log(weights / np.sqrt(2.0 * np.pi)) + 0.5 * x * x


def _dispersion_terms(
    rows: GroupRows, eta: FloatArray, dispersion: float
) -> DispersionTerms | None:
    if not rows.family.has_dispersion:
        return None
    return DISPERSION_TERMS[rows.family.name](rows.y, eta, rows.weights, dispersion)


def _eta_gradient(
    rows: GroupRows,
    mode: Mode,
    nodes: _Nodes,
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
    nodes: _Nodes,
    slopes: FloatArray,
    v: FloatArray,
) -> FloatArray:
    """Differentiate in Lambda: directly, through log|A|, and through the mode."""
    spread = nodes.spread * np.ones(mode.u.shape[1])
    inner = np.einsum("abn,bc,cdn,n->ad", mode.products, factor, mode.inverse, spread)
    through_mode = mode.scores @ v.T - _times(mode.products, factor @ v) @ mode.u.T
    turned = inner + 0.5 * (spread * slopes) @ mode.u.T + 0.5 * through_mode
    return np.asarray(nodes.products - turned)


def _dispersion_gradient(
    rows: GroupRows, nodes: _Nodes, leverage: FloatArray, moved: FloatArray
) -> float:
    own = nodes.dispersion
    if own is None:
        return 0.0
    spread = nodes.spread
    if isinstance(spread, np.ndarray):
        spread = rows.levels.spread(spread)
    bent = spread * leverage * own.information + moved * own.score
    return nodes.loglik_in_dispersion - 0.5 * float(bent.sum())


def _times(matrices: FloatArray, vectors: FloatArray) -> FloatArray:
    """Multiply per level, (q, q, levels) with (q, levels)."""
    if len(vectors) == 1:
        return np.asarray(matrices[0] * vectors)
    return np.asarray(np.einsum("abn,bn->an", matrices, vectors))
