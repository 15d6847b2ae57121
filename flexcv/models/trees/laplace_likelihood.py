"""The marginal likelihood of other families, by Laplace's approximation, for boosting.

The gradient in each row's linear predictor is exact: it follows the conditional modes
of the effects and the determinant. A leaf's Newton step takes the information of the
rows at the modes, less what the effects explain of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from flexcv.arrays import FloatArray, IntArray
from flexcv.models.design.columns import RandomDesign
from flexcv.models.gaussian.conditional import Uncertainty, learn_conditional
from flexcv.models.gaussian.residual_effects import (
    RandomColumns,
    ResidualEffects,
    average_part,
    starting_effects,
)
from flexcv.models.laplace.crossed_rows import crossed_rows
from flexcv.models.laplace.families import Family
from flexcv.models.laplace.group_modes import group_rows
from flexcv.models.laplace.one_factor import NoFactor
from flexcv.models.laplace.one_factor import OneFactor as OneFactorRows
from flexcv.models.laplace.problem import LOG_DISPERSIONS, Evaluation, RandomRows
from flexcv.models.laplace.random_refit import RandomRefit, refit_random_part
from flexcv.models.laplace.several_factors import SeveralFactors as SeveralFactorRows

from .likelihoods import Pull, weighted_mean
from .marginal_metric import (
    Explained,
    MarginalMetric,
    NoEffects,
    OneFactor,
    root,
)

FARTHEST = 30.0  # linear predictor of a mean that lies on the border


@dataclass(frozen=True, slots=True, eq=False)
class LaplaceMember:
    """Rows of a target of another family.

    Attributes
    ----------
    rows
        Target and random part.
    design
        The same random part.
    factors
        Per factor a root of the covariance of the effects.
    dispersion
        Of families that have one.
    modes
        Those of the newest evaluation, where the next one begins.
    """

    rows: RandomRows
    design: RandomDesign
    factors: tuple[FloatArray, ...]
    dispersion: float
    modes: list[tuple[FloatArray, ...]] = field(default_factory=list)

    def pull(self, fitted: FloatArray) -> Pull:
        """Return the gradient of the marginal log-likelihood."""
        start = self.modes[0] if self.modes else None
        at = self.rows.evaluate(fitted, self.factors, self.dispersion, start)
        self.modes[:] = [at.modes]
        return Pull(at.eta_gradient, at.information, _metric(self.design, at))


@dataclass(frozen=True, slots=True, eq=False)
class LaplaceLikelihood:
    """The marginal likelihood of a family with random effects.

    Attributes
    ----------
    family
        Response distribution and link.
    random
        The random columns of all rows.
    target
        Their target.
    weights
        How often each row counts; None is once.
    """

    family: Family
    random: RandomColumns
    target: FloatArray
    weights: FloatArray | None = None

    def start(self, rows: IntArray) -> float:
        """Return the linear predictor of the mean of the target."""
        mean = weighted_mean(self.target, self.weights, rows)

        def short(eta: float) -> float:
            return float(self.family.mean(np.array([eta]))[0]) - mean

        if short(-FARTHEST) >= 0.0 or short(FARTHEST) <= 0.0:
            return float(self.family.start(np.array([mean]))[0])
        return float(brentq(short, -FARTHEST, FARTHEST))

    def member(self, rows: IntArray, state: ResidualEffects) -> LaplaceMember:
        """Return some rows with the variances of a state."""
        design = self.random.take(rows).design
        factors = tuple(root(covariance) for covariance in state.covariances)
        return LaplaceMember(
            self._random_rows(rows, design),
            design,
            factors,
            state.sigma2,
        )

    def solve(
        self, fitted: FloatArray, previous: ResidualEffects | None
    ) -> ResidualEffects:
        """Return the maximum of the marginal likelihood for a fixed prediction."""
        if not self.random.design.factors:
            return self._without_effects(fitted)
        part = refit_random_part(
            self.family,
            self.target,
            fitted,
            self.random.design,
            weights=self.weights,
            start=None if previous is None else previous.theta,
        )
        return replace(
            starting_effects(self.random),
            sigma2=part.dispersion,
            covariances=part.covariances,
            effects=part.effects,
            average=_average(self.random, part),
            loglik=part.loglik,
            exact=True,
            converged=part.converged,
            theta=part.estimate.fit.parameters,
        )

    def uncertainty(self, state: ResidualEffects, fitted: FloatArray) -> Uncertainty:
        """Return what the rows leave unknown of the effects, at their modes."""
        design, average = self.random.design, state.average
        if not design.factors:
            return Uncertainty(())
        eta = fitted + average_part(self.random.columns, average)
        eta += design.effects_sum(state.effects)
        weights = np.ones_like(fitted) if self.weights is None else self.weights
        terms = self.family.terms(self.target, eta, weights, state.sigma2)
        return learn_conditional(design, terms.information, state.covariances)

    def for_trees(
        self,
        state: ResidualEffects,
        fitted: FloatArray,  # noqa: ARG002
        honest: FloatArray,  # noqa: ARG002
    ) -> ResidualEffects:
        """Return the state: these families have no residual variance."""
        return state

    def _without_effects(self, fitted: FloatArray) -> ResidualEffects:
        """Return the likelihood of independent rows, at its best dispersion."""
        weights = np.ones_like(fitted) if self.weights is None else self.weights

        def lost(log_dispersion: float) -> float:
            dispersion = float(np.exp(log_dispersion))
            terms = self.family.terms(self.target, fitted, weights, dispersion)
            return -float(terms.loglik.sum())

        best = 0.0
        if self.family.has_dispersion:
            reach = LOG_DISPERSIONS[self.family.name]
            best = float(minimize_scalar(lost, bounds=reach, method="bounded").x)
        start = starting_effects(self.random)
        return replace(start, sigma2=float(np.exp(best)), loglik=-lost(best))

    def _random_rows(self, rows: IntArray, design: RandomDesign) -> RandomRows:
        """Gather some rows by the levels of their random part."""
        family, y = self.family, self.target[rows]
        weights = np.ones(len(y)) if self.weights is None else self.weights[rows]
        groups = [
            group_rows(family, y, f.codes, f.columns, weights, f.n_levels)
            for f in design.factors
        ]
        if not groups:
            return NoFactor(family, y, weights)
        if len(groups) == 1:
            return OneFactorRows(groups[0])
        return SeveralFactorRows(crossed_rows(groups))


def _metric(design: RandomDesign, at: Evaluation) -> MarginalMetric:
    if not design.factors:
        return NoEffects()
    if len(design.factors) == 1:
        return OneFactor(design.factors[0], at.covariances[0])
    return Explained(at.gram)


def _average(random: RandomColumns, part: RandomRefit) -> FloatArray:
    """Return the average effects in the order of the distinct columns."""
    places = {id(column): place for place, column in enumerate(random.columns)}
    total = np.zeros(len(random.columns))
    for factor, averages in zip(random.design.factors, part.average, strict=True):
        for column, average in zip(factor.columns, averages, strict=True):
            total[places[id(column)]] += average
    return total
