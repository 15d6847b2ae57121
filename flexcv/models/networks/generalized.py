"""What a network learns from with a binary target or counts.

The network gives f on the scale of the link. The loss of whole groups is minus their
marginal log-likelihood, by adaptive Gauss-Hermite quadrature for one effect per group
and by Laplace's approximation for more, with exact derivatives in f
(`group_laplace`). Between epochs, and at the end, the covariance of the effects and
their average are maximised for f held fixed (`random_refit`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from flexcv.arrays import FloatArray, IntArray
from flexcv.models.contract.base import RandomPart
from flexcv.models.design.columns import RandomDesign
from flexcv.models.gaussian.conditional import learn_conditional
from flexcv.models.gaussian.residual_effects import RandomColumns, average_part
from flexcv.models.laplace.families import Family
from flexcv.models.laplace.group_laplace import group_laplace, group_rows
from flexcv.models.laplace.random_refit import RandomRefit, refit_random_part

from .gaussian import BatchLoss, FinishedPart, Reading
from .likelihood import lower_root
from .rows import Batch, Batches, WholeGroups

N_NODES = 7  # of the quadrature, for one effect per group


@dataclass(frozen=True, slots=True, eq=False)
class GeneralizedState:
    """The random part that goes with one f.

    Attributes
    ----------
    covariances, effects
        Per factor G, and the conditional modes of shape (levels, effects).
    conditional
        Per factor the modes' conditional covariances, (levels, effects, effects).
    average
        gamma, one number per distinct random column.
    loglik, n_rows
        Marginal log-likelihood of so many rows.
    parameters
        Where the next refit may begin.
    """

    covariances: tuple[FloatArray, ...]
    effects: tuple[FloatArray, ...]
    conditional: tuple[FloatArray, ...]
    average: FloatArray
    loglik: float
    n_rows: float
    parameters: FloatArray | None = None


@dataclass(frozen=True, eq=False)
class GeneralizedResponse:
    """A binary target or counts.

    Attributes
    ----------
    family
        Response distribution and link.
    target
        Of all rows.
    random
        The random columns of all rows.
    train, apart
        Positions of the rows to learn from and of those kept apart.
    whole_groups_apart
        Whether whole groups are kept apart.
    batches
        How `train` is cut into steps.
    level
        Added to the network's output: a first guess, since networks learn levels
        slowly.
    weights
        How often each row counts; None is once.
    """

    family: Family
    target: FloatArray
    random: RandomColumns
    train: IntArray
    apart: IntArray
    whole_groups_apart: bool
    batches: Batches
    level: float
    weights: FloatArray | None = None

    @property
    def mean_weight(self) -> float:
        """Weight of an average row in the loss."""
        return 1.0 if self.weights is None else float(self.weights.mean())

    @property
    def n_nodes(self) -> int:
        """Nodes of the quadrature; one is Laplace's approximation."""
        factors = self.random.design.factors
        alone = len(factors) == 1 and factors[0].n_effects == 1
        return N_NODES if alone else 1

    def start(self) -> GeneralizedState:
        """Return the random part of the target itself, before anything is learned."""
        n_rows = self._number(self.train)
        nothing = GeneralizedState((), (), (), np.zeros(0), np.nan, n_rows)
        return self.refitted(np.zeros(len(self.target)), nothing)

    def refitted(
        self, fitted: FloatArray, before: GeneralizedState
    ) -> GeneralizedState:
        """Maximise over gamma and G given f of all rows."""
        rows = self.train
        if not self.random.design.factors:
            eta = fitted[rows] + self.level
            loglik = float(self._row_logliks(eta, rows).sum())
            return replace(before, loglik=loglik, n_rows=self._number(rows))
        part = refit_random_part(
            self.family,
            self.target[rows],
            fitted[rows] + self.level,
            self._train_columns.design,
            weights=self._counts[rows],
            n_nodes=self.n_nodes,
            start=before.parameters,
        )
        return GeneralizedState(
            part.covariances,
            part.effects,
            part.conditional,
            self._average(part),
            part.loglik,
            self._number(rows),
            part.estimate.fit.parameters,
        )

    def refreshed(
        self, fitted: FloatArray, before: GeneralizedState
    ) -> GeneralizedState:
        """Predict gamma and the effects anew."""
        return self.refitted(fitted, before)

    def batch_loss(self, state: GeneralizedState) -> BatchLoss:
        """Return the function from f of a batch to its loss and derivative in f."""
        offset = self._offset(state)
        if isinstance(self.batches, WholeGroups):
            return self._whole_groups_loss(offset, state)
        known = offset + self.random.design.effects_sum(state.effects)

        def loss(fitted: FloatArray, batch: Batch) -> tuple[float, FloatArray]:
            eta, rows = fitted + known[batch.rows], batch.rows
            terms = self.family.terms(self.target[rows], eta, self._counts[rows])
            return -float(terms.loglik.sum()), -terms.score

        return loss

    def held_out_loss(self, fitted: FloatArray, state: GeneralizedState) -> float:
        """Return minus the log-likelihood per row of the rows kept apart."""
        rows = self.apart
        if not len(rows):
            return np.nan
        eta = (fitted + self._offset(state))[rows]
        if not self.whole_groups_apart:
            known = self.random.design.effects_sum(state.effects)[rows]
            total = float(self._row_logliks(eta + known, rows).sum())
            return -total / self._number(rows)
        factor = self.random.take(rows).design.factors[0]
        order = np.argsort(factor.codes, kind="stable")
        _, codes = np.unique(factor.codes[order], return_inverse=True)
        columns = [column[order] for column in factor.columns]
        target, counts = self.target[rows][order], self._counts[rows][order]
        groups = group_rows(self.family, target, codes, columns, counts)
        lower = lower_root(state.covariances[0])
        loglik = group_laplace(groups, eta[order], lower).loglik
        return -loglik / self._number(rows)

    def reading(self, state: GeneralizedState) -> Reading:
        """Return likelihood and variances; there is no residual variance."""
        return Reading(state.loglik, state.n_rows, np.nan, state.covariances)

    def finished(self, fitted: FloatArray, state: GeneralizedState) -> FinishedPart:
        """Fit the random part to all rows."""
        rows = np.arange(len(self.target))
        found = replace(self, train=rows, apart=rows[:0]).refitted(fitted, state)
        eta = fitted + self._offset(found)
        eta += self.random.design.effects_sum(found.effects)
        terms = self.family.terms(self.target, eta, self._counts)
        left = (self.random.design, terms.information, found.covariances)
        return FinishedPart(
            RandomPart(found.effects, found.covariances),
            learn_conditional(*left),
            found.average,
            self.reading(found),
        )

    def _whole_groups_loss(
        self, offset: FloatArray, state: GeneralizedState
    ) -> BatchLoss:
        factor = self.random.design.factors[0]
        lower = lower_root(state.covariances[0])
        modes = np.linalg.pinv(lower) @ state.effects[0].T

        def loss(fitted: FloatArray, batch: Batch) -> tuple[float, FloatArray]:
            rows = batch.rows
            counts = np.diff(np.append(batch.starts, len(rows)))
            codes = np.repeat(np.arange(len(counts)), counts)
            columns = [column[rows] for column in factor.columns]
            target, counts = self.target[rows], self._counts[rows]
            groups = group_rows(self.family, target, codes, columns, counts)
            eta, start = fitted + offset[rows], modes[:, batch.levels]
            at = group_laplace(groups, eta, lower, start=start, n_nodes=self.n_nodes)
            return -at.loglik, -at.eta_gradient

        return loss

    @cached_property
    def _train_columns(self) -> RandomColumns:
        if len(self.train) == len(self.target):
            return self.random
        return self.random.take(self.train)

    def _row_logliks(self, eta: FloatArray, rows: IntArray) -> FloatArray:
        return self.family.terms(self.target[rows], eta, self._counts[rows]).loglik

    @cached_property
    def _counts(self) -> FloatArray:
        """How often each row counts."""
        return np.ones(len(self.target)) if self.weights is None else self.weights

    def _number(self, rows: IntArray) -> float:
        """Return how many rows some rows are."""
        return float(self._counts[rows].sum())

    def _offset(self, state: GeneralizedState) -> FloatArray:
        """Return what is added to f, the effects aside."""
        if not self.random.columns:
            return np.full(len(self.target), self.level)
        return self.level + average_part(self.random.columns, state.average)

    def _average(self, part: RandomRefit) -> FloatArray:
        """Gather gamma by distinct random column."""
        places = {id(column): k for k, column in enumerate(self._train_columns.columns)}
        total = np.zeros(len(places))
        design: RandomDesign = self._train_columns.design
        for factor, average in zip(design.factors, part.average, strict=True):
            for column, value in zip(factor.columns, average, strict=True):
                total[places[id(column)]] += value
        return total
