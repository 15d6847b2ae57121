"""Turn by turn: refit the learner without the effects, the effects without the learner.

Round k fits the learner to what the outcome is without the effects of round k - 1,
takes its honest fitted values, and gives what they leave to the random part. What the
learner is fitted to is rounded first: a tree decides ties by the last digit. Nothing
is known of estimators or distributions here: a refitter and an outcome are called, and
each finished round is handed out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from flexcv._rounding import on_grid
from flexcv.models.gaussian.residual_effects import RandomColumns, ResidualEffects

from .out_of_sample import Refit
from .outcomes import Outcome
from .working import Task

BEFORE = ("loglik", "gll", "sigma2", "trace_d", "logdet_d")
AFTER = ("change", "validation_loss", "learner_seconds", "effects_seconds")


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """One finished round.

    Attributes
    ----------
    iteration
        Its number, from 1.
    refit
        The learner and its fitted values.
    random
        The random part that goes with them.
    change
        Relative change of the likelihood per row since the round before, that is the
        difference of the log-likelihoods per row; NaN in the first round.
    learner_seconds, effects_seconds
        What the two halves cost.
    """

    iteration: int
    refit: Refit
    random: ResidualEffects
    change: float
    learner_seconds: float
    effects_seconds: float


def alternate(
    refitted: Callable[[Task, Refit | None], Refit], outcome: Outcome
) -> Iterator[Round]:
    """Return round after round, without end; the caller decides when to stop.

    Parameters
    ----------
    refitted
        Fits the learner to a task, given the refit before.
    outcome
        The outcome of the training rows.
    """
    state, refit, iteration = outcome.start(), None, 0
    while True:
        iteration += 1
        began = time.perf_counter()
        task = rounded(outcome.task(refit, state))
        half = time.perf_counter()
        try:
            refit = refitted(task, refit)
        except Exception as error:
            error.add_note(
                f"in iteration {iteration} of MERF; the {iteration - 1} finished "
                "iteration(s) are kept in the estimator"
            )
            raise
        done = time.perf_counter()
        new = outcome.solve(refit.fitted, state)
        change = relative_change(new, state)
        state = new
        spent = time.perf_counter() - done + (half - began)
        yield Round(iteration, refit, state, change, done - half, spent)


def rounded(task: Task) -> Task:
    """Round the target of a task, far below its spread."""
    return task._replace(target=on_grid(task.target))


def relative_change(new: ResidualEffects, old: ResidualEffects) -> float:
    """Return by how much the likelihood per row changed, relative to what it was.

    The ratio of the likelihoods is taken, not of their logarithms: that number does
    not depend on the units of the target and has no pole where a logarithm is zero.
    """
    per_row = new.loglik / new.n_rows - old.loglik / old.n_rows
    return float(abs(np.expm1(min(per_row, 50.0))))


def has_settled(changes: Sequence[float], tol: float, patience: int) -> bool:
    """Return whether the newest `patience` changes all lie below `tol`.

    Examples
    --------
    >>> has_settled([float("nan"), 0.5, 0.001, 0.002], 0.01, 2)
    True
    >>> has_settled([float("nan"), 0.001], 0.01, 2)
    False
    """
    newest = changes[-patience:]
    return len(newest) == patience and all(change < tol for change in newest)


def trace_row(
    finished: Round, random: RandomColumns, validation_loss: float
) -> dict[str, float]:
    """Return one row of a trace: likelihoods, variances, change, loss and seconds."""
    state = finished.random
    traces = [float(np.trace(d)) for d in state.covariances]
    log_dets = [float(np.linalg.slogdet(d)[1]) for d in state.covariances]
    variances = np.concatenate([d.diagonal() for d in state.covariances])
    return {
        "iteration": finished.iteration,
        "loglik": state.loglik,
        "gll": state.gll,
        "sigma2": state.sigma2,
        "trace_d": sum(traces),
        "logdet_d": sum(log_dets),
        **dict(zip(component_names(random), map(float, variances), strict=True)),
        "change": finished.change,
        "validation_loss": validation_loss,
        "learner_seconds": finished.learner_seconds,
        "effects_seconds": finished.effects_seconds,
    }


def trace_frame(
    rows: Sequence[Mapping[str, float]], random: RandomColumns
) -> pd.DataFrame:
    """Return the trace as a table with a row per iteration."""
    columns = [*BEFORE, *component_names(random), *AFTER]
    numbers = pd.Index([int(row["iteration"]) for row in rows], name="iteration")
    values = [[row[column] for column in columns] for row in rows]
    return pd.DataFrame(values, index=numbers, columns=columns, dtype=np.float64)


def component_names(random: RandomColumns) -> list[str]:
    """Name each variance of an effect as ``group.effect``."""
    return [f"{f.name}.{name}" for f in random.design.factors for name in f.names]
