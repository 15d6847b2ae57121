"""What a network learns from with a normal response: the exact marginal likelihood.

The network gives f, the library's mixed-model engine everything else: given
y - f it maximises over (gamma, G, sigma^2) exactly,

    y - f = W gamma + Z b + e,

where W holds the columns of Z once. gamma matters: a network learns the level of the
target slowly, and what it misses would count as a group effect whose mean is not zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from flexcv.arrays import FloatArray, IntArray
from flexcv.models.contract.base import RandomPart
from flexcv.models.design.columns import RandomDesign
from flexcv.models.gaussian.conditional import Uncertainty, learn_uncertainty
from flexcv.models.gaussian.covariance import covariance_shape
from flexcv.models.gaussian.em import (
    Posterior,
    design_products,
    posterior,
    residual_sums,
)
from flexcv.models.gaussian.engine import at_minimum
from flexcv.models.gaussian.optimize import Minimum
from flexcv.models.gaussian.problem import Problem
from flexcv.models.gaussian.residual_effects import (
    RandomColumns,
    ResidualEffects,
    average_part,
    maximised,
    no_effects,
    starting_effects,
    weighted_design,
)
from flexcv.models.gaussian.rows import sums_and_basis

from .likelihood import (
    independent_loss,
    level_kernels,
    lower_root,
    marginal_loss,
)
from .rows import Batch, Batches, WholeGroups

FEWEST_TO_CALIBRATE = 100  # held-out rows; their variance is then known to 14 %
SMALLEST = 1e-10  # residual variance, relative to that of the target

BatchLoss = Callable[[FloatArray, Batch], tuple[float, FloatArray]]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What one fit of the random part says, in the units of the target.

    Attributes
    ----------
    loglik, n_rows
        Marginal log-likelihood of so many rows.
    sigma2
        Residual variance.
    covariances
        Per factor G.
    """

    loglik: float
    n_rows: float
    sigma2: float
    covariances: tuple[FloatArray, ...]


@dataclass(frozen=True, slots=True, eq=False)
class FinishedPart:
    """The random part of a finished fit, in the units of the target.

    Attributes
    ----------
    part, uncertainty
        Effects, covariances, and how uncertain the effects are.
    average
        gamma, one number per distinct random column.
    reading
        Likelihood and variances.
    """

    part: RandomPart
    uncertainty: Uncertainty
    average: FloatArray
    reading: Reading


@dataclass(frozen=True, eq=False)
class GaussianResponse:
    """A normal target, in units of its own spread.

    Attributes
    ----------
    target
        Of all rows, scaled.
    random
        The random columns of all rows.
    train, apart
        Positions of the rows to learn from and of those kept apart.
    whole_groups_apart
        Whether whole groups are kept apart.
    batches
        How `train` is cut into steps.
    spread
        What the target was divided by.
    weights
        Precisions of all rows, one on average: row i has the residual variance
        sigma^2 / weight. None is one in every row.
    unit
        What the precisions were divided by.
    """

    target: FloatArray
    random: RandomColumns
    train: IntArray
    apart: IntArray
    whole_groups_apart: bool
    batches: Batches
    spread: float
    weights: FloatArray | None = None
    unit: float = 1.0

    @property
    def mean_weight(self) -> float:
        """Weight of an average row in the loss."""
        return 1.0

    def start(self) -> ResidualEffects:
        """Return the random part of the target itself, before anything is learned."""
        begin = starting_effects(self.random)
        return self.refitted(np.zeros(len(self.target)), begin)

    def refitted(self, fitted: FloatArray, before: ResidualEffects) -> ResidualEffects:
        """Maximise over (gamma, G, sigma^2) given f of all rows."""
        residuals = (self.target - fitted)[self.train]
        weights = self._weights_of(self.train)
        if not self.random.design.factors:
            found = no_effects(self._train_columns, residuals, weights)
            found = replace(found, loglik=_loglik(residuals, weights))
        else:
            found = maximised(self._train_columns, residuals, before, weights)
        return replace(found, sigma2=max(found.sigma2, SMALLEST))

    def refreshed(self, fitted: FloatArray, before: ResidualEffects) -> ResidualEffects:
        """Predict gamma and the effects anew at the same relative covariance."""
        if before.theta is None:
            return self.refitted(fitted, before)
        residuals, random = (self.target - fitted)[self.train], self._train_columns
        sums, basis = sums_and_basis(
            random.columns,
            random.design,
            residuals,
            self._weights_of(self.train),
            random.ones,
        )
        shapes = tuple(covariance_shape(f.blocks) for f in random.design.factors)
        theta = before.theta
        nothing = np.zeros((len(theta), len(theta)))
        there = Minimum(theta, np.nan, np.zeros_like(theta), nothing, 0, True)
        found = at_minimum(Problem(sums, shapes, False), basis, there)
        average = np.zeros(len(random.columns))
        average[found.basis.kept] = found.beta
        sigma2 = max(found.sigma**2, SMALLEST)
        return replace(before, sigma2=sigma2, effects=found.effects, average=average)

    def batch_loss(self, state: ResidualEffects) -> BatchLoss:
        """Return the function from f of a batch to its loss and derivative in f."""
        offset = average_part(self.random.columns, state.average)
        left = self.target - offset if len(offset) else self.target
        if isinstance(self.batches, WholeGroups):
            return self._whole_groups_loss(left, state)
        known = left - self.random.design.effects_sum(state.effects)

        def loss(fitted: FloatArray, batch: Batch) -> tuple[float, FloatArray]:
            variance = self._variance(state.sigma2, batch.rows)
            value, slope = independent_loss(known[batch.rows] - fitted, variance)
            return value, -slope

        return loss

    def held_out_loss(self, fitted: FloatArray, state: ResidualEffects) -> float:
        """Return minus the log-likelihood per row of the rows kept apart."""
        if not len(self.apart):
            return np.nan
        unit = float(np.log(self.spread))
        rows, residuals = self._apart(fitted, state)
        if self.whole_groups_apart:
            weights = self._weights_of(self.apart)
            found = _posterior(rows, residuals, weights, state)
            return unit - found.loglik / len(residuals)
        residuals = residuals - rows.design.effects_sum(state.effects)
        variance = self._variance(state.sigma2, self.apart)
        variance = variance + self._unknown(rows, state)
        return unit + independent_loss(residuals, variance)[0] / len(residuals)

    def reading(self, state: ResidualEffects) -> Reading:
        """Return likelihood and variances in the units of the target."""
        scale = self.spread**2
        return Reading(
            state.loglik - state.n_rows * float(np.log(self.spread)),
            state.n_rows,
            scale * self.unit * state.sigma2,
            tuple(scale * covariance for covariance in state.covariances),
        )

    def finished(self, fitted: FloatArray, state: ResidualEffects) -> FinishedPart:
        """Fit the random part to all rows, with the residual variance of new ones."""
        rows = np.arange(len(self.target))
        whole = replace(self, train=rows, apart=rows[:0])
        found = whole.refitted(fitted, state)
        found = whole.with_sigma2(fitted, found, self._honest_sigma2(fitted, found))
        reading = self.reading(found)
        uncertainty = learn_uncertainty(
            weighted_design(self.random.design, self.weights),
            reading.sigma2 / self.unit,
            reading.covariances,
        )
        effects = tuple(self.spread * values for values in found.effects)
        return FinishedPart(
            RandomPart(effects, reading.covariances),
            uncertainty,
            self.spread * found.average,
            reading,
        )

    def with_sigma2(
        self, fitted: FloatArray, state: ResidualEffects, sigma2: float
    ) -> ResidualEffects:
        """Predict the effects anew at another residual variance; one factor only."""
        factors = self.random.design.factors
        if sigma2 == state.sigma2 or len(factors) != 1:
            return replace(state, sigma2=sigma2)
        left = self.target - fitted - average_part(self.random.columns, state.average)
        state = replace(state, sigma2=sigma2)
        found = _posterior(self.random, left, self.weights, state)
        return replace(state, effects=(found.effects.T,), loglik=found.loglik)

    def _honest_sigma2(self, fitted: FloatArray, state: ResidualEffects) -> float:
        """Return the residual variance that the rows kept apart show.

        A network fits part of the noise of the rows it learns from. Rows kept apart of
        known groups have squared errors of mean sigma^2 / weight + z'Pz, with P the
        conditional covariance of the effects given the other rows.
        """
        if self.whole_groups_apart or len(self.apart) < FEWEST_TO_CALIBRATE:
            return state.sigma2
        known = self.refitted(fitted, state)
        rows, residuals = self._apart(fitted, known)
        errors = residuals - rows.design.effects_sum(known.effects)
        squares = errors**2 - self._unknown(rows, known)
        weights = self._weights_of(self.apart)
        found = float(np.mean(squares if weights is None else weights * squares))
        return found if found > 0.0 else state.sigma2

    def _whole_groups_loss(self, left: FloatArray, state: ResidualEffects) -> BatchLoss:
        factor, roots = self._weighted_design.factors[0], self._roots
        lower = lower_root(state.covariances[0])
        at = level_kernels(self._train_products, state.sigma2, lower)

        def loss(fitted: FloatArray, batch: Batch) -> tuple[float, FloatArray]:
            columns = [column[batch.rows] for column in factor.columns]
            residuals = left[batch.rows] - fitted
            if roots is None:
                value, slope = marginal_loss(
                    residuals, columns, batch.starts, batch.levels, at
                )
                return value, -slope
            own = roots[batch.rows]
            value, slope = marginal_loss(
                own * residuals, columns, batch.starts, batch.levels, at
            )
            return value - float(np.log(own).sum()), -own * slope

        return loss

    @cached_property
    def _train_columns(self) -> RandomColumns:
        if len(self.train) == len(self.target):
            return self.random
        return self.random.take(self.train)

    @cached_property
    def _roots(self) -> FloatArray | None:
        return None if self.weights is None else np.sqrt(self.weights)

    @cached_property
    def _weighted_design(self) -> RandomDesign:
        """Z with each row times the root of its precision."""
        return weighted_design(self.random.design, self.weights)

    @cached_property
    def _train_products(self) -> FloatArray:
        """Z'Z of each level, rows weighted."""
        weights = self._weights_of(self.train)
        return _products(self._train_columns, weights)

    def _weights_of(self, rows: IntArray) -> FloatArray | None:
        return None if self.weights is None else self.weights[rows]

    def _variance(self, sigma2: float, rows: IntArray) -> FloatArray | float:
        """Return the residual variance of some rows."""
        return sigma2 if self.weights is None else sigma2 / self.weights[rows]

    def _apart(
        self, fitted: FloatArray, state: ResidualEffects
    ) -> tuple[RandomColumns, FloatArray]:
        rows = self.random.take(self.apart)
        residuals = (self.target - fitted)[self.apart]
        if rows.columns:
            residuals = residuals - average_part(rows.columns, state.average)
        return rows, residuals

    def _unknown(self, rows: RandomColumns, state: ResidualEffects) -> FloatArray:
        """Return z'Pz; with several factors it would need a matrix over all levels."""
        if len(rows.design.factors) != 1:
            return np.zeros(len(rows.design))
        train = self._train_columns.design
        train = weighted_design(train, self._weights_of(self.train))
        spread = learn_uncertainty(train, state.sigma2, state.covariances)
        return spread.variances(rows.design)


def _loglik(residuals: FloatArray, weights: FloatArray | None) -> float:
    weighted = residuals if weights is None else weights * residuals
    variance = max(float(weighted @ residuals) / len(residuals), np.finfo(float).tiny)
    each = variance if weights is None else variance / weights
    return -independent_loss(residuals, each)[0]


def _products(random: RandomColumns, weights: FloatArray | None) -> FloatArray:
    """Return Z'Z of each level of the only factor, rows weighted."""
    if weights is None:
        return random.products[0]
    factor = weighted_design(random.design, weights).factors[0]
    return design_products(factor.columns, factor.codes, factor.n_levels)


def _posterior(
    random: RandomColumns,
    residuals: FloatArray,
    weights: FloatArray | None,
    state: ResidualEffects,
) -> Posterior:
    """Return effects of the only factor and the likelihood at a state's variances."""
    factor = weighted_design(random.design, weights).factors[0]
    scaled = residuals if weights is None else np.sqrt(weights) * residuals
    products = _products(random, weights)
    sums = residual_sums(products, factor.columns, factor.codes, scaled)
    found = posterior(sums, state.sigma2, state.covariances[0])
    if weights is None:
        return found
    return found._replace(loglik=found.loglik + 0.5 * float(np.log(weights).sum()))
