"""Tune one model on the inner folds of one outer fold, by Optuna's ask and tell."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import BaseDistribution
from optuna.trial import TrialState
from sklearn.base import clone

from flexcv._checks import check_integer
from flexcv.errors import FlexcvError
from flexcv.metrics import DEFAULT_OBJECTIVE, ObjectiveScorer


@dataclass(frozen=True, slots=True)
class TuningSettings:
    """How many trials a model gets and what they minimise or maximise."""

    n_trials: int = 100
    objective: ObjectiveScorer = DEFAULT_OBJECTIVE

    def __post_init__(self) -> None:
        check_integer("n_trials", self.n_trials, 1)


@dataclass(frozen=True, slots=True, eq=False)
class InnerFold:
    """The data of one inner split, cut and scaled once for all trials."""

    X_train: Any
    y_train: Any
    X_valid: Any
    y_valid: Any
    fit_params: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Tuned:
    """What tuning chose and how it got there."""

    params: dict[str, Any]
    trials: pd.DataFrame


def tune(
    estimator: Any,
    space: Mapping[str, BaseDistribution],
    folds: Sequence[InnerFold],
    settings: TuningSettings,
    seed: int,
) -> Tuned:
    """Choose parameters by the mean objective over the inner folds.

    A trial whose objective is not a number on some fold counts as failed and is
    never chosen.

    Parameters
    ----------
    estimator
        Unfitted; it is cloned for every fit.
    space
        Optuna distributions by parameter name.
    folds
        The inner folds.
    settings
        Number of trials and objective.
    seed
        Seed of the sampler, different for each fold and model.

    Raises
    ------
    FlexcvError
        When no trial gave a number.
    """
    with _quiet_optuna():
        study = optuna.create_study(
            direction="maximize"
            if settings.objective.greater_is_better
            else "minimize",
            sampler=optuna.samplers.TPESampler(seed=seed),
        )
    rows = []
    for _ in range(settings.n_trials):
        trial = study.ask(dict(space))
        start = time.perf_counter()
        scores = _scores(estimator, trial.params, folds, settings.objective)
        value = float(np.mean(scores))
        state = TrialState.COMPLETE if np.isfinite(value) else TrialState.FAIL
        study.tell(trial, value if state == TrialState.COMPLETE else None, state=state)
        rows.append(
            {
                "trial": trial.number,
                "value": value,
                "state": state.name.lower(),
                "seconds": time.perf_counter() - start,
                **{f"params_{name}": value for name, value in trial.params.items()},
                **{f"fold_{number}": score for number, score in enumerate(scores)},
            }
        )
    if all(row["state"] == "fail" for row in rows):
        raise FlexcvError(
            f"the inner objective gave no number in any of {len(rows)} trials; "
            "check the objective and the search space."
        )
    return Tuned(dict(study.best_trial.params), pd.DataFrame(rows))


def _scores(
    estimator: Any,
    params: Mapping[str, Any],
    folds: Sequence[InnerFold],
    objective: ObjectiveScorer,
) -> list[float]:
    scores = []
    for number, fold in enumerate(folds):
        try:
            scores.append(
                _score(clone(estimator).set_params(**params), fold, objective)
            )
        except Exception as error:
            error.add_note(f"while trying {dict(params)} on inner fold {number}")
            raise
    return scores


def _score(model: Any, fold: InnerFold, objective: ObjectiveScorer) -> float:
    model.fit(fold.X_train, fold.y_train, **fold.fit_params)
    predicted = model.predict(fold.X_valid)
    if not objective.needs_train:
        return objective(fold.y_valid, predicted)
    return objective(fold.y_valid, predicted, fold.y_train, model.predict(fold.X_train))


@contextlib.contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Keep Optuna from announcing each study; its verbosity is restored."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(before, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
