r"""Penalised fixed effects of a generalised mixed model, by proximal Newton steps.

At given covariances D the coefficients minimise

.. math:: -\frac{1}{n} \log L(f) + \alpha \sum_j \Big( \rho\,\omega_j |\beta_j|
          + \frac{1 - \rho}{2}\,\omega_j^2 \beta_j^2 \Big),
          \qquad f = o + U\gamma + X\beta

with Laplace's marginal likelihood L. With its gradient g in f and the working weights W
at the modes, a step solves penalised least squares of the working response
:math:`z = f - o + V g`, :math:`V = W^{-1} + Z D Z'`, in the metric of V: the whitened
coordinate descent of the linear model. Where it stands still, the optimality conditions
of the marginal likelihood hold, not those of penalised quasi-likelihood.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from flexcv.arrays import FloatArray, IntArray
from flexcv.models.design.columns import RandomDesign
from flexcv.models.laplace.crossed_rows import crossed_rows
from flexcv.models.laplace.families import Family
from flexcv.models.laplace.group_modes import group_rows
from flexcv.models.laplace.one_factor import NoFactor, OneFactor
from flexcv.models.laplace.problem import Evaluation, RandomRows
from flexcv.models.laplace.several_factors import SeveralFactors

from .coordinate_descent import PenalisedRows, WhitenedRows, solve, whitened_rows
from .whitening import learn_whitening, square_root

MAX_STEPS = 100
ROUGH_STEPS = 30  # of fits that need not be exact: the next one goes on from them
HALVINGS = 30
STILL = 1e-9  # largest move of a linear predictor that ends a fit,
FOLD_STILL = 1e-6  # a fit of a fold,
PATH_STILL = 1e-3  # and a fit along a path
ROUNDING = 1e-13  # gain of a step, relative to the objective, that is rounding
GAIN = 0.1  # of a step, over the square of the move that is let go by
IDLE = 3  # such steps in a row that end a fit, too
FADED = 0.01  # average working weight, over the null model's, that holds a penalty
LEAST_WEIGHT = 1e-8  # working weight, relative to the largest


@dataclass(frozen=True, slots=True, eq=False)
class LikelihoodRows:
    """The rows of a table and what they say about a linear predictor.

    Attributes
    ----------
    rows
        Columns, target and random part.
    family
        Response distribution and link.
    offset
        What is added to the linear predictor.
    random
        The rows as the marginal likelihood sees them.
    n_nodes
        Nodes of quadrature.
    """

    rows: PenalisedRows
    family: Family
    offset: FloatArray
    random: RandomRows
    n_nodes: int = 1

    def take(self, chosen: IntArray) -> LikelihoodRows:
        """Keep the given rows."""
        rows = self.rows.take(chosen)
        return likelihood_rows(rows, self.family, self.offset[chosen], self.n_nodes)


def likelihood_rows(
    rows: PenalisedRows, family: Family, offset: FloatArray, n_nodes: int = 1
) -> LikelihoodRows:
    """Put columns, target and random part beside a family.

    Parameters
    ----------
    rows
        The rows.
    family
        Response distribution and link.
    offset
        What is added to the linear predictor.
    n_nodes
        Nodes of quadrature, one for Laplace's approximation; more need one factor with
        one effect.
    """
    counts = np.ones(len(rows.target)) if rows.counts is None else rows.counts
    groups = [
        group_rows(
            family, rows.target, factor.codes, factor.columns, counts, factor.n_levels
        )
        for factor in rows.design.factors
    ]
    random: RandomRows = NoFactor(family, rows.target, counts)
    if groups:
        random = OneFactor(groups[0], n_nodes)
    if len(groups) > 1:
        random = SeveralFactors(crossed_rows(groups))
    return LikelihoodRows(rows, family, offset, random, n_nodes)


@dataclass(frozen=True, slots=True, eq=False)
class Stand:
    """Coefficients, and the marginal likelihood there.

    Attributes
    ----------
    beta, gamma
        Coefficients with and without a penalty.
    predictor
        f of each row, shape (n_rows,).
    at
        The marginal likelihood at f.
    """

    beta: FloatArray
    gamma: FloatArray
    predictor: FloatArray
    at: Evaluation


@dataclass(frozen=True, slots=True, eq=False)
class PenalisedLikelihood:
    """The objective at given covariances.

    Attributes
    ----------
    data
        The rows.
    covariances
        D per factor.
    l1_ratio
        The share of the lasso.
    scale
        The omegas.
    """

    data: LikelihoodRows
    covariances: tuple[FloatArray, ...]
    l1_ratio: float
    scale: FloatArray

    def stand(
        self, beta: FloatArray, gamma: FloatArray, before: Stand | None = None
    ) -> Stand:
        """Evaluate at some coefficients, beginning at the modes before."""
        rows = self.data.rows
        predictor = self.data.offset + rows.free @ gamma + rows.penalised @ beta
        start = None if before is None else before.at.modes
        factors = [square_root(d) for d in self.covariances]
        at = self.data.random.evaluate(predictor, factors, 1.0, start)
        return Stand(beta, gamma, predictor, at)

    def value(self, stand: Stand, alpha: float) -> float:
        """Return the objective."""
        size = np.abs(self.scale * stand.beta)
        ridge = 0.5 * (1.0 - self.l1_ratio) * float(size @ size)
        penalty = alpha * (self.l1_ratio * float(size.sum()) + ridge)
        return -stand.at.loglik / self.data.rows.total + penalty

    def working(self, stand: Stand) -> WhitenedRows:
        """Return the whitened rows of the working response."""
        rows = self.data.rows
        weights = working_weights(stand.at)
        pull = stand.at.eta_gradient
        moved = pull / weights + _spread(rows.design, self.covariances, pull)
        target = stand.predictor - self.data.offset + moved
        working = replace(rows, target=target, weights=weights)
        whiten = learn_whitening(rows.design, self.covariances, weights)
        return whitened_rows(working, whiten, standardise=False, scale=self.scale)

    def minimise(self, alpha: float, start: Stand, still: float = STILL) -> Stand:
        """Step until the linear predictor stands still or nothing is gained.

        Parameters
        ----------
        alpha
            The penalty.
        start
            Where to begin.
        still
            The largest move that ends the search.
        """
        here, value, idle = start, self.value(start, alpha), 0
        least = max(ROUNDING, GAIN * still**2)
        for _ in range(MAX_STEPS if still <= STILL else ROUGH_STEPS):
            there = self._stepped(here, alpha)
            move = float(np.abs(there.predictor - here.predictor).max())
            gain, value = value - self.value(there, alpha), self.value(there, alpha)
            idle = 0 if gain > least * (1.0 + abs(value)) else idle + 1
            here = there
            if move <= still or idle == IDLE:
                break
        return here

    def path(self, alphas: FloatArray, start: Stand) -> Iterator[Stand]:
        """Return the minimum at each of falling alphas, one from the other."""
        here = start
        for alpha in alphas:
            here = self.minimise(float(alpha), here, PATH_STILL)
            yield here

    def _stepped(self, here: Stand, alpha: float) -> Stand:
        """Take a step, halved until the objective does not grow."""
        working = self.working(here)
        beta = solve(working, alpha, self.l1_ratio, here.beta)
        gamma = working.free(beta)
        value, share = self.value(here, alpha), 1.0
        for _ in range(HALVINGS):
            there = self.stand(
                here.beta + share * (beta - here.beta),
                here.gamma + share * (gamma - here.gamma),
                here,
            )
            if self.value(there, alpha) <= value + 1e-12 * (1.0 + abs(value)):
                return there
            share *= 0.5
        return here


def working_weights(at: Evaluation) -> FloatArray:
    """Return W at the modes, kept away from zero."""
    information = at.information
    least = LEAST_WEIGHT * float(information.max())
    return np.maximum(information, max(least, np.finfo(float).tiny))


def learn_scale(
    data: LikelihoodRows,
    covariances: Sequence[FloatArray],
    stand: Stand,
    *,
    standardise: bool,
) -> FloatArray:
    """Return the omegas at the working weights of some coefficients.

    Where columns tell all classes apart the weights fade, with them the penalty, and so
    on without end; on average they count no less than `FADED` of the null model's.

    Parameters
    ----------
    data
        The rows.
    covariances
        D per factor.
    stand
        Where the weights are taken.
    standardise
        Whether the omegas are root mean squares of whitened columns, or one.
    """
    weights = working_weights(stand.at)
    least = FADED * _null_information(data)
    weights = weights * max(1.0, least * data.rows.total / float(weights.sum()))
    rows = replace(data.rows, weights=weights)
    whiten = learn_whitening(rows.design, covariances, weights)
    return whitened_rows(rows, whiten, standardise=standardise).scale


def _null_information(data: LikelihoodRows) -> float:
    """Return the information of a row, all of which have the mean of the target."""
    target = data.rows.target
    mean = float(np.average(target, weights=data.rows.counts))
    return mean * (1.0 - mean) if data.family.name == "binomial" else mean


def _spread(
    design: RandomDesign, covariances: Sequence[FloatArray], values: FloatArray
) -> FloatArray:
    """Return Z D Z'v."""
    effects = []
    for factor, covariance in zip(design.factors, covariances, strict=True):
        sums = [
            np.bincount(factor.codes, column * values, factor.n_levels)
            for column in factor.columns
        ]
        effects.append(np.stack(sums, axis=1) @ covariance)
    return design.effects_sum(effects)
