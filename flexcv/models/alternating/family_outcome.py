"""Outcomes that are labels or counts, as an alternation sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from flexcv.arrays import FloatArray
from flexcv.models.gaussian.conditional import Uncertainty, learn_conditional
from flexcv.models.gaussian.residual_effects import (
    RandomColumns,
    ResidualEffects,
    average_part,
    no_effects,
    starting_effects,
)
from flexcv.models.laplace.engine import GeneralizedEstimate, Rows, estimate_generalized
from flexcv.models.laplace.families import Family

from .out_of_sample import Refit
from .working import Task, weighted_labels, weighted_rates, working_task

DIRECT_TASKS = {"binomial": weighted_labels, "poisson": weighted_rates}
SCORING_ROUNDS = 10  # of a learner alone on working responses
LARGEST_LEVERAGE = 0.95  # of one row on its own level's effects


@dataclass(frozen=True, slots=True, eq=False)
class FamilyOutcome:
    """Labels 0 and 1, or counts: the learner gets them less the random effects.

    Attributes
    ----------
    random
        The random columns of the training rows.
    y
        Their outcome.
    family
        Response distribution and link.
    direct
        Whether the learner models probabilities or rates itself and gets the outcome
        with weights; another one gets the working response.
    n_quadrature
        Nodes of adaptive Gauss-Hermite quadrature for one factor with one effect;
        one is Laplace's approximation, which other designs get.
    """

    random: RandomColumns
    y: FloatArray
    family: Family
    direct: bool
    n_quadrature: int = 1

    def start(self) -> ResidualEffects:
        """Return no effects, and a constant that fits the mean."""
        return starting_effects(self.random)

    def task(self, refit: Refit | None, state: ResidualEffects) -> Task:
        """Return labels with weights, or the working response."""
        if refit is None:
            return self._first_task()
        fixed = state.slope * _filled(refit.fitted)
        offset = self._offset(fixed, refit.kind, state)
        if self.direct:
            return DIRECT_TASKS[self.family.name](self.y, offset)
        return working_task(self.family, self.y, fixed, offset)

    def solve(self, fitted: FloatArray, state: ResidualEffects) -> ResidualEffects:
        """Maximise the marginal likelihood given the learner's fitted values.

        They enter as one more column: what a learner predicts for rows it has not seen
        is spread too widely where it followed noise, and the slope takes that back.
        """
        columns = [_filled(fitted), *self.random.columns]
        found = self._estimate(columns, state.theta)
        coefficients = np.zeros(1 + len(self.random.columns))
        coefficients[found.basis.kept] = found.beta
        if coefficients[0] <= 0.0:  # worse than nothing: leave the learner out
            found = self._estimate(self.random.columns)
            coefficients[:] = 0.0
            coefficients[1:][found.basis.kept] = found.beta
        return ResidualEffects(
            np.nan,
            found.covariances,
            found.effects,
            coefficients[1:],
            found.loglik,
            np.nan,
            len(self.y),
            True,
            found.fit.converged,
            found.fit.parameters if len(found.beta) == len(columns) else None,
            slope=float(coefficients[0]),
            conditional=found.conditional,
        )

    def without_effects(self, fitted: FloatArray) -> ResidualEffects:
        """Return no effects and the likelihood of the fitted values as they are."""
        nothing = no_effects(self.random, np.zeros(len(self.y)))
        loglik = -len(self.y) * self.loss(self.y, _filled(fitted))
        return replace(nothing, sigma2=np.nan, loglik=loglik)

    def uncertainty(self, fitted: FloatArray, state: ResidualEffects) -> Uncertainty:
        """Return the conditional covariances of the effects at their modes."""
        eta = state.slope * _filled(fitted)
        eta += self.random.design.effects_sum(state.effects)
        if state.average.any():
            eta += average_part(self.random.columns, state.average)
        terms = self.family.terms(self.y, eta, np.ones(len(self.y)))
        design, covariances = self.random.design, state.covariances
        return learn_conditional(design, terms.information, covariances)

    def loss(self, target: FloatArray, linear: FloatArray) -> float:
        """Return minus the mean log-likelihood: the log loss of two classes."""
        terms = self.family.terms(target, linear, np.ones(len(target)))
        return -float(terms.loglik.mean())

    @property
    def n_plain(self) -> int:
        """One for a learner with a loss of its own, several for working responses."""
        return 1 if self.direct else SCORING_ROUNDS

    def _estimate(
        self, fixed: Sequence[FloatArray], start: FloatArray | None = None
    ) -> GeneralizedEstimate:
        n = len(self.y)
        rows = Rows(
            self.family,
            self.y,
            np.ones(n),
            np.zeros(n),
            fixed,
            self.random.design,
            self.random.ones,
            self._n_nodes(),
        )
        return estimate_generalized(rows, start)

    def _first_task(self) -> Task:
        """Return labels as they are, or the outcome on the scale of the link."""
        return Task(self.y if self.direct else self.family.start(self.y))

    def _n_nodes(self) -> int:
        factors = self.random.design.factors
        scalar = len(factors) == 1 and factors[0].n_effects == 1
        return self.n_quadrature if scalar else 1

    def _offset(
        self, fixed: FloatArray, kind: str, state: ResidualEffects
    ) -> FloatArray:
        """Return W gamma + Z b, with honest fits b of the other rows of the level."""
        average = np.zeros(len(self.y))
        if state.average.any():
            average += average_part(self.random.columns, state.average)
        effects = self.random.design.effects_sum(state.effects)
        if kind == "in_sample" or len(state.conditional) != 1:
            return average + effects
        return average + self._without_own(fixed + average, effects, state)

    def _without_own(
        self, fixed: FloatArray, effects: FloatArray, state: ResidualEffects
    ) -> FloatArray:
        """Take each row's own pull out of its level's effects, to first order.

        In a weighted linear mixed model the effect without the row is
        z'b - (s / w) h / (1 - h) with score s, weight w and leverage h = w z'Pz.
        """
        ones = np.ones(len(self.y))
        terms = self.family.terms(self.y, fixed + effects, ones)
        spread = _quadratic(self.random, state.conditional[0])
        leverage = np.minimum(terms.information * spread, LARGEST_LEVERAGE)
        return np.asarray(effects - terms.score * spread / (1.0 - leverage))


def _quadratic(random: RandomColumns, conditional: FloatArray) -> FloatArray:
    """Return z'Pz of each row."""
    factor = random.design.factors[0]
    z = np.stack(factor.columns, axis=1)
    return np.asarray(np.einsum("na,nab,nb->n", z, conditional[factor.codes], z))


def _filled(fitted: FloatArray) -> FloatArray:
    """Put the average where a forest has no out-of-bag prediction."""
    known = np.isfinite(fitted)
    return fitted if known.all() else np.where(known, fitted, fitted[known].mean())
