r"""What boosting asks of a likelihood: its gradient, and leaf values that climb it.

Trees F are boosted on the marginal log-likelihood, with the random effects integrated
out. For a normal target its gradient in the rows of F is :math:`V^{-1}(y - F)`. A tree
follows the gradient; the values h of its leaves, with indicators H, are one Newton step
of the likelihood in h,

.. math:: h = (H'PH + \lambda I)^{-1} H'u,

with u the gradient and P its (negative) second derivative: generalised least squares
within leaves (Sigrist 2022, *Gaussian process boosting*, J. Mach. Learn. Res. 23).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np

from flexcv.arrays import FloatArray, IntArray
from flexcv.models.gaussian.conditional import Uncertainty, learn_uncertainty
from flexcv.models.gaussian.residual_effects import (
    RandomColumns,
    ResidualEffects,
    maximised,
    no_effects,
    weighted_design,
)

from .marginal_metric import MarginalMetric, NormalMetric, normal_metric
from .noise import noise_variance

LEAST_NOISE = 0.1  # of the honest residual variance
TINY = 1e-8  # information added to each leaf, so that none divides by zero
LOG_2PI = float(np.log(2.0 * np.pi))


class Pull(NamedTuple):
    """Where the likelihood pulls the fitted values of some rows.

    Attributes
    ----------
    gradient
        In each row, shape (n_rows,).
    information
        Of each row; None is one in every row.
    metric
        What the random effects take out of it.
    """

    gradient: FloatArray
    information: FloatArray | None
    metric: MarginalMetric


class Member(Protocol):
    """The training rows of one sequence of trees."""

    def pull(self, fitted: FloatArray) -> Pull:
        """Return the gradient at fitted values of the rows."""


class Likelihood(Protocol):
    """The likelihood of a family with random effects."""

    def start(self, rows: IntArray) -> float:
        """Return the constant that boosting begins with."""

    def member(self, rows: IntArray, state: ResidualEffects) -> Member:
        """Return some rows with the variances of a state."""

    def solve(
        self, fitted: FloatArray, previous: ResidualEffects | None
    ) -> ResidualEffects:
        """Return the random part that goes with fitted values of all rows."""

    def for_trees(
        self, state: ResidualEffects, fitted: FloatArray, honest: FloatArray
    ) -> ResidualEffects:
        """Return the variances that the next trees reckon with."""


def leaf_values(
    pull: Pull, leaves: IntArray, n_leaves: int, l2: float, *, newton: bool = True
) -> FloatArray:
    """Return the values of a tree's leaves.

    Parameters
    ----------
    pull
        Of the training rows.
    leaves, n_leaves
        The leaf of each of these rows, and how many there are.
    l2
        Information of a value of zero that each leaf is thought to hold besides.
    newton
        Whether what rows of different leaves share, because their groups do, counts:
        a Newton step. Otherwise each leaf takes a mean of its gradient.

    Examples
    --------
    >>> from flexcv.models.trees.marginal_metric import NoEffects
    >>> pull = Pull(np.array([1.0, 3.0, 5.0]), None, NoEffects())
    >>> leaf_values(pull, np.array([0, 0, 1]), 2, 0.0).round(3)
    array([2., 5.])
    """
    right = np.bincount(leaves, pull.gradient, n_leaves)
    own = np.bincount(leaves, pull.information, n_leaves) + l2 + TINY
    if not newton:
        return np.asarray(right / own)
    inner = np.diag(own) - pull.metric.explained(leaves, n_leaves, pull.information)
    return np.asarray(np.linalg.solve(inner, right), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class NormalMember:
    """Rows of a normal target, with their precisions."""

    target: FloatArray
    metric: NormalMetric
    weights: FloatArray | None = None

    def pull(self, fitted: FloatArray) -> Pull:
        """Return sigma^2 V^-1 (y - F)."""
        gradient = self.metric.projected(self.target - fitted)
        return Pull(gradient, self.weights, self.metric)


@dataclass(frozen=True, slots=True, eq=False)
class NormalLikelihood:
    """The likelihood of a normal target.

    Attributes
    ----------
    random
        The random columns of all rows.
    target
        Their target.
    weights
        Precisions of the rows: row i has the residual variance sigma^2 / weight. None
        is one in every row.
    """

    random: RandomColumns
    target: FloatArray
    weights: FloatArray | None = None

    def start(self, rows: IntArray) -> float:
        """Return the mean of the target."""
        return weighted_mean(self.target, self.weights, rows)

    def member(self, rows: IntArray, state: ResidualEffects) -> NormalMember:
        """Return some rows with the variances of a state."""
        design = self.random.take(rows).design
        weights = None if self.weights is None else self.weights[rows]
        metric = normal_metric(design, state.sigma2, state.covariances, weights)
        return NormalMember(self.target[rows], metric, weights)

    def solve(
        self, fitted: FloatArray, previous: ResidualEffects | None
    ) -> ResidualEffects:
        """Return the exact maximum of the likelihood of the residuals."""
        residuals = self.target - fitted
        start = no_effects(self.random, residuals, self.weights)
        if self.random.design.factors:
            before = replace(start, theta=None if previous is None else previous.theta)
            return maximised(self.random, residuals, before, self.weights)
        return replace(start, loglik=_plain_loglik(start, self.weights))

    def for_trees(
        self, state: ResidualEffects, fitted: FloatArray, honest: FloatArray
    ) -> ResidualEffects:
        """Return a state whose residual variance is that of the noise alone.

        The honest one holds the trees' own error as well. That is not noise to trees
        that are still to come, and would leave them too much of the group effects.
        """
        design = self.random.design
        if len(design.factors) != 1:  # with several, the noise costs a dense inverse
            return state
        noise = self.noise(state, self.uncertainty(state), fitted, honest)
        return replace(state, sigma2=max(noise, LEAST_NOISE * state.sigma2))

    def uncertainty(self, state: ResidualEffects) -> Uncertainty:
        """Return the conditional covariances of the effects."""
        design = weighted_design(self.random.design, self.weights)
        return learn_uncertainty(design, state.sigma2, state.covariances)

    def noise(
        self,
        state: ResidualEffects,
        known: Uncertainty,
        fitted: FloatArray,
        honest: FloatArray,
    ) -> float:
        """Return the variance of the noise of a row of weight one."""
        residuals = self.target - fitted, self.target - honest
        return noise_variance(self.random, state, known, *residuals, self.weights)


def weighted_mean(
    values: FloatArray, weights: FloatArray | None, rows: IntArray
) -> float:
    """Return the mean of some rows."""
    chosen = values[rows]
    if weights is None:
        return float(chosen.mean())
    return float(np.average(chosen, weights=weights[rows]))


def _plain_loglik(state: ResidualEffects, weights: FloatArray | None) -> float:
    own = 0.0 if weights is None else float(np.log(weights).sum())
    one = LOG_2PI + float(np.log(state.sigma2)) + 1.0
    return 0.5 * (own - state.n_rows * one)
