"""What one round of an alternation needs to know of the outcome.

The alternation itself is the same for every outcome: give the learner something to
fit, take its honest fitted values, and find the random part that goes with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from flexcv.arrays import FloatArray
from flexcv.models.gaussian.conditional import Uncertainty, learn_uncertainty
from flexcv.models.gaussian.residual_effects import (
    RandomColumns,
    ResidualEffects,
    Solver,
    no_effects,
    others_effects,
    starting_effects,
)

from .out_of_sample import Refit
from .working import Task


class Outcome(Protocol):
    """The outcome of the training rows and what follows from its distribution."""

    def start(self) -> ResidualEffects:
        """Return the random part before the first round."""

    def task(self, refit: Refit | None, state: ResidualEffects) -> Task:
        """Return what the learner is fitted to next."""

    def solve(self, fitted: FloatArray, state: ResidualEffects) -> ResidualEffects:
        """Return the random part that goes with fitted values of the learner."""

    def without_effects(self, fitted: FloatArray) -> ResidualEffects:
        """Return the random part of a learner alone."""

    def uncertainty(self, fitted: FloatArray, state: ResidualEffects) -> Uncertainty:
        """Return the conditional covariances of the effects."""

    def loss(self, target: FloatArray, linear: FloatArray) -> float:
        """Return what new rows lose on average at their linear predictor."""

    @property
    def n_plain(self) -> int:
        """In how many rounds a learner alone is fitted, at most."""


@dataclass(frozen=True, slots=True, eq=False)
class NormalOutcome:
    """A normal outcome: the learner gets it less the random effects.

    Attributes
    ----------
    random
        The random columns of the training rows.
    target
        Their outcome.
    solver
        One of `residual_effects.SOLVERS`.
    """

    random: RandomColumns
    target: FloatArray
    solver: Solver

    def start(self) -> ResidualEffects:
        """Return the classical start, in units of the target's variance."""
        return starting_effects(self.random, float(self.target.var()))

    def task(self, refit: Refit | None, state: ResidualEffects) -> Task:
        """Return the target less the effects, with honest fits those of other rows."""
        return Task(self.target - self._effects(refit, state))

    def solve(self, fitted: FloatArray, state: ResidualEffects) -> ResidualEffects:
        """Return the random part of the residuals."""
        return self.solver(self.random, self.target - fitted, state)

    def without_effects(self, fitted: FloatArray) -> ResidualEffects:
        """Return a random part that is all residual."""
        return no_effects(self.random, self.target - fitted)

    def uncertainty(self, fitted: FloatArray, state: ResidualEffects) -> Uncertainty:
        """Return the conditional covariances of the effects."""
        design = self.random.take(np.flatnonzero(np.isfinite(fitted))).design
        return learn_uncertainty(design, state.sigma2, state.covariances)

    def loss(self, target: FloatArray, linear: FloatArray) -> float:
        """Return the mean squared error."""
        return float(np.mean((target - linear) ** 2))

    @property
    def n_plain(self) -> int:
        """One: the learner gets the target as it is."""
        return 1

    def _effects(self, refit: Refit | None, state: ResidualEffects) -> FloatArray:
        factors = self.random.design.factors
        if refit is None or refit.kind == "in_sample" or not state.exact:
            return self.random.design.effects_sum(state.effects)
        if len(factors) > 1:  # leaving rows out would need one matrix over all levels
            return self.random.design.effects_sum(state.effects)
        return others_effects(self.random, self.target - refit.fitted, state)
