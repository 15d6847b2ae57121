"""Turn by turn for binary targets and counts: coefficients, then covariances.

As in `penalized_rounds`, with marginal likelihoods by Laplace in the place of squares:
(gamma, D) maximise that of the linear predictor X beta, each row's beta coming from a
fold that left it out, and alpha is chosen by that of held-out groups.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from flexcv._rounding import first_least
from flexcv.arrays import FloatArray, IntArray
from flexcv.models.laplace.engine import Rows, estimate_generalized
from flexcv.models.laplace.separation import looks_separated, separating_columns
from flexcv.models.laplace.unbounded import ended

from .coordinate_descent import largest_alpha
from .fit import PenaltySettings, Variances, spaced_alphas, variance_change
from .held_out import Fold, HeldOut
from .likelihood import (
    FOLD_STILL,
    LikelihoodRows,
    PenalisedLikelihood,
    Stand,
    learn_scale,
)
from .rounds import CHOICES, PenalisedRound

PATIENCE = 10  # alphas without a better one that end a path
NOTHING_SELECTED = 1e12  # an alpha, over the largest of a path, that is beyond it


@dataclass(frozen=True, slots=True, eq=False)
class FreePart:
    """What has no penalty: columns, and the object among them that is the ones."""

    columns: Sequence[FloatArray]
    ones: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Covariances:
    """The maximum-likelihood covariances of some linear predictor, and gamma."""

    variances: Variances
    gamma: FloatArray


def estimate_covariances(
    data: LikelihoodRows,
    fixed: FloatArray,
    free: FreePart,
    *,
    calibrated: bool = False,
) -> Covariances:
    """Maximise the marginal likelihood over gamma and D.

    Parameters
    ----------
    data
        The rows.
    fixed
        X beta of each row.
    free
        The unpenalised columns.
    calibrated
        Whether X beta has a coefficient of its own. A penalty shrinks X beta, and what
        is missing of it lets the variances of a binary target shrink too: they are
        relative to a residual variance that cannot grow.
    """
    rows = data.rows
    columns, offset = list(free.columns), data.offset
    if calibrated:
        columns.append(fixed)
    else:
        offset = offset + fixed
    made = estimate_generalized(
        Rows(
            data.family,
            rows.target,
            np.ones(len(fixed)) if rows.counts is None else rows.counts,
            offset,
            columns,
            rows.design,
            free.ones,
            data.n_nodes,
        )
    )
    gamma = np.zeros(len(columns))
    gamma[made.basis.kept] = made.beta
    gamma = gamma[: len(free.columns)]
    found = ended(rows.design, made.covariances)
    settled = made.fit.converged or made.fit.unbounded
    state = Variances(1.0, found, made.loglik, made.fit.parameters, settled)
    return Covariances(state, gamma)


def laplace_rounds(
    data: LikelihoodRows, free: FreePart, settings: PenaltySettings
) -> Iterator[PenalisedRound]:
    """Return round after round, without end; the caller decides when to stop.

    Parameters
    ----------
    data
        The training rows.
    free
        The unpenalised columns.
    settings
        Penalty, folds and residuals.
    """
    n_penalised = data.rows.penalised.shape[1]
    now = estimate_covariances(data, np.zeros(len(data.offset)), free)
    found = _Found(np.zeros(n_penalised), now.gamma, ())
    alpha, iteration = settings.alpha, 0
    while True:
        iteration += 1
        began = time.perf_counter()
        step = _Step(data, settings, now.variances.relative, found)
        chosen = None
        if settings.alpha is None and iteration <= CHOICES:
            chosen = step.choice()
            alpha = float(chosen.alphas[chosen.best])
        assert alpha is not None
        found = step.coefficients(alpha, found)
        half = time.perf_counter()
        fixed = step.out_of_fold(found)
        calibrated = settings.residual_folds is not None and bool(np.ptp(fixed))
        new = estimate_covariances(data, fixed, free, calibrated=calibrated)
        change = variance_change(new.variances, now.variances)
        now = new
        spent = time.perf_counter() - half
        yield PenalisedRound(
            iteration,
            alpha,
            found.beta,
            now.variances,
            change,
            chosen,
            half - began,
            spent,
            now.gamma,
        )


def objective_at(
    data: LikelihoodRows,
    covariances: Sequence[FloatArray],
    settings: PenaltySettings,
    beta: FloatArray,
    gamma: FloatArray,
) -> tuple[PenalisedLikelihood, Stand]:
    """Return the objective with the omegas at some coefficients, and their stand.

    Parameters
    ----------
    data, settings
        As in `laplace_rounds`.
    covariances
        D per factor.
    beta, gamma
        Coefficients with and without a penalty.
    """
    plain = PenalisedLikelihood(
        data, tuple(covariances), settings.l1_ratio, np.ones(len(beta))
    )
    here, nothing = plain.stand(beta, gamma), plain.stand(0.0 * beta, 0.0 * gamma)
    if not here.at.loglik >= nothing.at.loglik:
        here = nothing  # far out, where no row has weight, a step has no direction
    scale = learn_scale(data, covariances, here, standardise=settings.standardise)
    made = PenalisedLikelihood(data, tuple(covariances), settings.l1_ratio, scale)
    return made, here


def null_path(
    objective: PenalisedLikelihood, start: Stand, n_alphas: int
) -> tuple[FloatArray, Stand]:
    """Return the alphas of a path, and where it begins: nothing selected.

    Parameters
    ----------
    objective
        The objective.
    start
        Coefficients to begin from.
    n_alphas
        How many alphas.
    """
    empty = objective.stand(np.zeros(len(start.beta)), start.gamma, start)
    null = objective.minimise(NOTHING_SELECTED, empty)
    ratio = objective.l1_ratio
    peak = largest_alpha(objective.working(null), ratio)
    wide = len(start.beta) > len(start.predictor)
    return spaced_alphas(peak, ratio, n_alphas, wide=wide), null


def separated_columns(data: LikelihoodRows, stand: Stand) -> list[int] | None:
    """Return positions of unpenalised columns that separate the target, or None.

    Parameters
    ----------
    data
        The rows.
    stand
        Where a fit ended.
    """
    free = data.rows.free
    size = np.sqrt((free**2).mean(axis=0))
    lines, rest = (free / size).T, stand.predictor - free @ stand.gamma
    if not looks_separated(stand.gamma * size, lines, rest):
        return None
    return separating_columns(data.family, data.rows.target, lines)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """beta and gamma of all rows, and beta of each fold."""

    beta: FloatArray
    gamma: FloatArray
    of_folds: tuple[Stand, ...]


class _Step:
    """The coefficients' half of a round."""

    def __init__(
        self,
        data: LikelihoodRows,
        settings: PenaltySettings,
        covariances: Sequence[FloatArray],
        before: _Found,
    ) -> None:
        self.data, self.settings = data, settings
        self.objective, self.here = objective_at(
            data, covariances, settings, before.beta, before.gamma
        )

    def choice(self) -> HeldOut:
        """Fit the folds along a path and measure held-out groups' likelihood."""
        wanted = self.settings
        alphas, null = null_path(self.objective, self.here, wanted.n_alphas)
        folds = wanted.group_folds
        sizes = np.array([self._total(fold.test) for fold in folds])
        along = zip(*(self._losses(fold, alphas, null) for fold in folds), strict=True)
        kept: list[tuple[float, ...]] = []
        for losses in along:
            kept.append(losses)
            means = np.array(kept) @ sizes
            if len(kept) - first_least(means) > PATIENCE:
                break
        return HeldOut(alphas[: len(kept)], np.array(kept).T, sizes)

    def coefficients(self, alpha: float, before: _Found) -> _Found:
        """Return beta of all rows, and of the folds where residuals need them."""
        whole = self.objective.minimise(alpha, self.here)
        folds = self.settings.residual_folds or ()
        starts = before.of_folds or [whole] * len(folds)
        of_folds = tuple(
            self._fold_fit(fold, alpha, start)
            for fold, start in zip(folds, starts, strict=True)
        )
        return _Found(whole.beta, whole.gamma, of_folds)

    def out_of_fold(self, found: _Found) -> FloatArray:
        """Return X beta row by row, each with the beta of the fold that left it out."""
        columns = self.data.rows.penalised
        folds = self.settings.residual_folds
        if folds is None:
            return np.asarray(columns @ found.beta)
        fixed = np.full(len(columns), np.nan)
        for fold, own in zip(folds, found.of_folds, strict=True):
            fixed[fold.test] = columns[fold.test] @ own.beta
        return fixed

    def _of_rows(self, rows: IntArray) -> PenalisedLikelihood:
        whole = self.objective
        data = self.data.take(rows)
        return PenalisedLikelihood(data, whole.covariances, whole.l1_ratio, whole.scale)

    def _fold_fit(self, fold: Fold, alpha: float, start: Stand) -> Stand:
        objective = self._of_rows(fold.train)
        begin = objective.stand(start.beta, start.gamma)
        return objective.minimise(alpha, begin, FOLD_STILL)

    def _losses(self, fold: Fold, alphas: FloatArray, null: Stand) -> Iterator[float]:
        """Return minus the held-out likelihood per row along the path."""
        train, test = self._of_rows(fold.train), self._of_rows(fold.test)
        before = None
        for here in train.path(alphas, train.stand(null.beta, null.gamma)):
            before = test.stand(here.beta, here.gamma, before)
            yield -before.at.loglik / self._total(fold.test)

    def _total(self, rows: IntArray) -> float:
        return self.data.rows.take(rows).total
