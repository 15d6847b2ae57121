"""Turn by turn: coefficients given the variances, variances given the coefficients.

The variances maximise the likelihood of y - X beta over (gamma, D, sigma^2). By default
the beta of a row comes from a fold that left it out: a lasso has fitted part of the
noise of its own rows, and what is left of them understates the residual variance.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from flexcv.arrays import FloatArray

from .coordinate_descent import PenalisedRows, solve
from .fit import (
    PenaltySettings,
    Variances,
    estimate_variances,
    falling_alphas,
    variance_change,
    whitened_at,
)
from .held_out import HeldOut, fold_coefficients, held_out_path, out_of_fold

CHOICES = 2  # rounds that choose alpha; later ones hardly move the variances


@dataclass(frozen=True, slots=True, eq=False)
class PenalisedRound:
    """One finished round.

    Attributes
    ----------
    iteration
        Its number, from 1.
    alpha, coefficients
        The penalty and beta, at the variances of the round before.
    variances
        What follows from them.
    change
        The largest change of a variance over the sum of all.
    held_out
        What the choice of alpha was made by; None where it was not made.
    learner_seconds, effects_seconds
        What the two halves cost.
    gamma
        Coefficients without a penalty, where the variances came with them.
    """

    iteration: int
    alpha: float
    coefficients: FloatArray
    variances: Variances
    change: float
    held_out: HeldOut | None
    learner_seconds: float
    effects_seconds: float
    gamma: FloatArray | None = None


def penalised_rounds(
    rows: PenalisedRows,
    free: Sequence[FloatArray],
    ones: FloatArray,
    settings: PenaltySettings,
    start: Variances,
) -> Iterator[PenalisedRound]:
    """Return round after round, without end; the caller decides when to stop.

    Parameters
    ----------
    rows
        The training rows.
    free, ones
        The unpenalised columns, and the one among them that is the column of ones.
    settings
        Penalty, folds and residuals.
    start
        Variances to begin at.
    """
    now, alpha = start, settings.alpha
    before: _Found | None = None
    iteration = 0
    while True:
        iteration += 1
        began = time.perf_counter()
        step = _Step(rows, settings, now.relative)
        found = None
        if settings.alpha is None and iteration <= CHOICES:
            found = step.choice()
            alpha = float(found.alphas[found.best])
        assert alpha is not None
        before = step.coefficients(alpha, before)
        half = time.perf_counter()
        new = estimate_variances(
            before.left, free, rows.design, ones, now.theta, rows.weights
        )
        change = variance_change(new, now)
        now = new
        spent = time.perf_counter() - half
        beta = before.beta
        yield PenalisedRound(
            iteration, alpha, beta, now, change, found, half - began, spent
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """beta of all rows and of each fold, and the residuals for the variances."""

    beta: FloatArray
    of_folds: tuple[FloatArray, ...]
    left: FloatArray


class _Step:
    """The coefficients' half of a round."""

    def __init__(
        self,
        rows: PenalisedRows,
        settings: PenaltySettings,
        relative: Sequence[FloatArray],
    ) -> None:
        self.rows, self.settings, self.relative = rows, settings, relative
        standardise = settings.standardise
        _, self.whole = whitened_at(rows, relative, standardise=standardise)

    def choice(self) -> HeldOut:
        """Fit the folds along a path."""
        wanted = self.settings
        alphas = falling_alphas(self.whole, wanted.l1_ratio, wanted.n_alphas)
        folds = wanted.group_folds
        return held_out_path(
            self.rows, folds, self.relative, self.whole, alphas, wanted.l1_ratio
        )

    def coefficients(self, alpha: float, before: _Found | None) -> _Found:
        """Return beta, of the folds too where the residuals are made of them."""
        wanted, rows = self.settings, self.rows
        start = None if before is None else before.beta
        beta = solve(self.whole, alpha, wanted.l1_ratio, start)
        folds = wanted.residual_folds
        if folds is None:
            return _Found(beta, (), rows.target - rows.penalised @ beta)
        starts = [beta] * len(folds) if before is None else before.of_folds
        of_folds = fold_coefficients(
            rows, folds, self.relative, self.whole, alpha, wanted.l1_ratio, starts
        )
        return _Found(beta, of_folds, out_of_fold(rows, folds, of_folds))


def trace_row(finished: PenalisedRound, components: Sequence[str]) -> dict[str, float]:
    """Return one row of a trace.

    Parameters
    ----------
    finished
        The round.
    components
        Names of the variances of all effects.
    """
    state = finished.variances
    traces = [float(np.trace(d)) for d in state.covariances]
    log_dets = [float(np.linalg.slogdet(d)[1]) for d in state.covariances]
    diagonals = [float(value) for d in state.covariances for value in d.diagonal()]
    return {
        "iteration": finished.iteration,
        "loglik": state.loglik,
        "sigma2": state.sigma2,
        "trace_d": sum(traces),
        "logdet_d": sum(log_dets),
        **dict(zip(components, diagonals, strict=True)),
        "change": finished.change,
        "alpha": finished.alpha,
        "selected": float(np.count_nonzero(finished.coefficients)),
        "learner_seconds": finished.learner_seconds,
        "effects_seconds": finished.effects_seconds,
    }


def trace_frame(
    rows: Sequence[Mapping[str, float]], components: Sequence[str]
) -> pd.DataFrame:
    """Return the trace as a table with a row per iteration."""
    columns = ["loglik", "sigma2", "trace_d", "logdet_d", *components]
    columns += ["change", "alpha", "selected", "learner_seconds", "effects_seconds"]
    numbers = pd.Index([int(row["iteration"]) for row in rows], name="iteration")
    values = [[row[column] for column in columns] for row in rows]
    return pd.DataFrame(values, index=numbers, columns=columns, dtype=np.float64)
