"""Tune one model on the inner folds of one outer fold, by Optuna's ask and tell."""

from __future__ import annotations

import contextlib
import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.pruners import BasePruner, NopPruner, WilcoxonPruner
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from sklearn.base import clone

from flexcv._checks import check_flag, check_integer, check_number
from flexcv._rounding import GRID_BITS, first_least, significant
from flexcv._secrets import redact
from flexcv.arrays import FloatArray, IntArray
from flexcv.errors import FlexcvError, StorageError
from flexcv.metrics import DEFAULT_OBJECTIVE, ObjectiveScorer
from flexcv.storage.values import is_exact

from .answers import class_probabilities, ranking_values
from .choices import Space, choices_by_place, params_from
from .early_stopping import fit_part
from .failed_trials import (
    refuse_when_all_raised,
    warn_of_failed,
    warn_of_points_outside,
)
from .journal import (
    ERROR,
    RECORD,
    Direction,
    TrialLog,
    TrialStore,
    checked,
    finished,
    record_check,
)
from .sampling import MakeSampler, TrialSampler, check_sampler
from .search import (
    RacingPruner,
    ask,
    defaults_inside,
    is_exhausted,
    points_inside,
    simplest_within_one_error,
    told,
)

FOLD_WISE = (RacingPruner, WilcoxonPruner)  # pruners that compare fold by fold
FEWEST_TRIED = 10  # trials that must all raise before tuning gives up
PLAIN = (int, float, str, bool, type(None))  # values that no fit can change


@dataclass(frozen=True, slots=True)
class TuningSettings:
    """How a model is tuned; `CrossValidation.set_inner_cv` explains each."""

    n_trials: int = 100
    objective: ObjectiveScorer = DEFAULT_OBJECTIVE
    sampler: MakeSampler | None = None
    pruner: BasePruner | None = None
    timeout: float | None = None
    try_defaults: bool = True
    warm_start: tuple[Mapping[str, Any], ...] = ()
    one_standard_error: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_integer("n_trials", self.n_trials, 1)
        check_flag("try_defaults", self.try_defaults)
        if self.timeout is not None:
            check_number("timeout", self.timeout, 0.0)
        if self.sampler is not None:
            with _quiet_optuna():
                check_sampler(self.sampler)
        if self.pruner is not None and not isinstance(self.pruner, BasePruner):
            raise TypeError(
                f"`pruner` must be one of Optuna's pruners or a RacingPruner, "
                f"got {self.pruner!r}."
            )

    @property
    def direction(self) -> Direction:
        """Return Optuna's word for the direction."""
        return "maximize" if self.objective.greater_is_better else "minimize"


@dataclass(frozen=True, slots=True, eq=False)
class InnerFold:
    """The data of one inner split, cut and scaled once for all trials."""

    X_train: Any
    y_train: Any
    X_valid: Any
    y_valid: Any
    fit_params: Mapping[str, Any]
    classes: tuple[Any, ...] = ()  # of the whole target, where classes are predicted
    w_valid: FloatArray | None = None  # weights of rows in the objective
    w_train: FloatArray | None = None
    held_out: IntArray | None = None  # training rows that say when to stop

    @property
    def training(self) -> tuple[Any, Any, Mapping[str, Any], IntArray | None]:
        """Return what a fit is given."""
        return self.X_train, self.y_train, self.fit_params, self.held_out


@dataclass(frozen=True, slots=True, eq=False)
class Tuned:
    """What tuning chose and how it got there."""

    params: dict[str, Any]
    trials: pd.DataFrame
    drawn: dict[str, Any] = field(default_factory=dict)  # what the study drew for them


TellTrial = Callable[[int, float, float], None]  # number, value, best value so far


def tune(
    estimator: Any,
    space: Space,
    folds: Sequence[InnerFold],
    settings: TuningSettings,
    seed: int,
    *,
    store: TrialStore | None = None,
    tell: TellTrial | None = None,
) -> Tuned:
    """Choose parameters by the mean objective over the inner folds.

    The estimator's own parameters are the first trial when the space contains them.
    A trial whose objective is not a number on some fold, or whose model raises there,
    counts as failed, one that the pruner stopped as pruned; neither is ever chosen.
    How many failed, and why the first did, is warned of.

    Parameters
    ----------
    estimator
        Unfitted; it is cloned for every fit.
    space
        Optuna distributions by parameter name, or a function of an Optuna trial that
        returns the estimator's parameters.
    folds
        The inner folds.
    settings
        Number of trials, objective and the like.
    seed
        Seed of the sampler, different for each fold and model.
    store
        Where trials are kept; those that are there are not run again. In a file of
        one process the rest comes out as if the tuning had never stopped. Processes
        that share a store run `n_trials` together, each up to one more.
    tell
        Called with (number, value, best value) after each trial.

    Raises
    ------
    FlexcvError
        When no trial gave a number; where a model raised in each of the first
        `FEWEST_TRIED` trials, without trying more of them.
    """
    first = _first_points(estimator, space, settings)
    study, log = _study(settings, _sampler(space, settings, seed, first), store)
    how = "" if store is None else store.how
    start = time.perf_counter()
    best = _Best(settings.objective.greater_is_better, finished(study))
    raised: Exception | None = None
    while (number := len(finished(study))) < settings.n_trials:
        if _is_over(number, start, settings.timeout) or is_exhausted(study):
            break
        trial, raised = _run_trial(study, estimator, space, folds, settings, how)
        if log is not None:
            log.append(trial)
        value, best_value = best.after(trial)
        if tell is not None:
            tell(number, value, best_value)
        if math.isnan(best_value) and number + 1 >= FEWEST_TRIED:
            refuse_when_all_raised(finished(study), space, raised)
    refuse_when_all_raised(finished(study), space, raised)
    warn_of_failed(finished(study), space)
    return _chosen(finished(study), space, settings)


def _sampler(
    space: Space, settings: TuningSettings, seed: int, first: list[dict[str, Any]]
) -> TrialSampler:
    sampler = TrialSampler(settings.sampler, seed, first)
    for name, distribution in () if callable(space) else space.items():
        if choices := choices_by_place(name, distribution):
            sampler.note_choices(name, choices)
    return sampler


def _study(
    settings: TuningSettings, sampler: TrialSampler, store: TrialStore | None
) -> tuple[Study, TrialLog | None]:
    """Begin a study in memory, its finished trials logged, or open a shared one."""
    with _quiet_optuna():
        options: dict[str, Any] = {
            "sampler": sampler,
            "pruner": settings.pruner or NopPruner(),
        }
        if store is not None and store.is_shared:
            study = store.study(settings.direction, **options)
            checked(finished(study), store.place)
            return study, None
        study = optuna.create_study(direction=settings.direction, **options)
        if store is None:
            return study, None
        log = TrialLog(store, settings.direction)
        study.add_trials(log.trials())
        return study, log


def _first_points(
    estimator: Any, space: Space, settings: TuningSettings
) -> list[dict[str, Any]]:
    """Return the points to try first: the model's own, then those of a warm start."""
    own = defaults_inside(estimator, space) if settings.try_defaults else {}
    warn_of_points_outside(settings.warm_start, space)
    points = [own, *points_inside(settings.warm_start, space)]
    return [point for point in points if point]


def _is_over(number: int, start: float, timeout: float | None) -> bool:
    if timeout is None or number == 0:
        return False
    return time.perf_counter() - start > timeout


def _run_trial(
    study: Study,
    estimator: Any,
    space: Space,
    folds: Sequence[InnerFold],
    settings: TuningSettings,
    how: str,
) -> tuple[FrozenTrial, Exception | None]:
    """Try one point; also returns what the model raised, if it did."""
    start = time.perf_counter()
    trial, params = ask(study, space)
    scores, pruned, raised = _scores(trial, estimator, params, folds, settings)
    reports = _reports(scores, len(folds), settings)
    value = float(np.mean(scores))
    state = TrialState.PRUNED if pruned else TrialState.COMPLETE
    if not np.isfinite(value):
        state = TrialState.FAIL
    seconds = time.perf_counter() - start
    record = {"scores": scores, "seconds": seconds, "how": how}
    if raised is not None:
        record[ERROR] = redact(f"{type(raised).__name__}: {raised}")
    check = record_check(trial, state.name, reports, record)
    trial.set_user_attr(RECORD, record | {"check": check})
    known = value if state == TrialState.COMPLETE else None
    return told(study, trial, state, known), raised


def _scores(
    trial: optuna.Trial,
    estimator: Any,
    params: Mapping[str, Any],
    folds: Sequence[InnerFold],
    settings: TuningSettings,
) -> tuple[list[float], bool, Exception | None]:
    """Score the inner folds; stops early when the pruner says so.

    Returns
    -------
    The scores, whether the pruner stopped, and what the model raised, if it did.
    """
    scores: list[float] = []
    unfitted = _copier(clone(estimator).set_params(**params))
    for number, fold in enumerate(folds):
        try:
            score = _score(unfitted(), fold, settings.objective)
        except (StorageError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001  an impossible trial is one that failed
            error.add_note(f"while trying {dict(params)} on inner fold {number}")
            return [*scores, math.nan], False, error
        # Trials that differ by rounding are equal, to the sampler as well.
        scores.append(float(significant(score, GRID_BITS)))
        if not np.isfinite(scores[-1]):
            break
        reports = _reports(scores, len(folds), settings)
        if number in reports:
            trial.report(reports[number], number)
            if number + 1 < len(folds) and trial.should_prune():
                return scores, True, None
    return scores, False, None


def _reports(
    scores: Sequence[float], n_folds: int, settings: TuningSettings
) -> dict[int, float]:
    """Return what a pruner is told after each inner fold: its score, or the mean."""
    if settings.pruner is None:
        return {}
    known = [score for score in scores if np.isfinite(score)]
    if isinstance(settings.pruner, FOLD_WISE):
        return dict(enumerate(known))
    means = [float(np.mean(known[: step + 1])) for step in range(len(known))]
    return dict(enumerate(means[: n_folds - 1]))


def _copier(model: Any) -> Callable[[], Any]:
    """Return a function that makes unfitted copies.

    With nothing but plain values inside, the shallow copy of an unfitted estimator is
    a clone at a tenth of the cost.
    """
    inside = vars(model) if hasattr(model, "__dict__") else {"": model}
    is_plain = all(isinstance(value, PLAIN) for value in inside.values())
    return lambda: copy.copy(model) if is_plain else clone(model)


def _score(model: Any, fold: InnerFold, objective: ObjectiveScorer) -> float:
    fit_part(model, *fold.training)
    predicted = _response(model, fold.X_valid, fold, objective)
    if not objective.needs_train:
        return objective(fold.y_valid, predicted, sample_weight=fold.w_valid)
    inside = _response(model, fold.X_train, fold, objective)
    arrays = (fold.y_valid, predicted, fold.y_train, inside)
    return objective(*arrays, fold.w_valid, fold.w_train)


def _response(model: Any, X: Any, fold: InnerFold, objective: ObjectiveScorer) -> Any:
    """Predict what the objective scores; of two classes the last one's probability."""
    if not objective.needs_probabilities:
        return model.predict(X)
    ask = ranking_values if objective.ranks else class_probabilities
    table = ask(model, X, fold.classes, type(model).__name__)
    if table is None:
        return np.full(len(fold.y_valid), np.nan)
    return table[:, -1] if table.ndim == len(fold.classes) == 2 else table


class _Best:
    """Keep the best value of the trials so far."""

    def __init__(self, is_largest: bool, trials: Sequence[FrozenTrial]) -> None:
        self._choose = max if is_largest else min
        self._value = math.nan
        for trial in trials:
            self.after(trial)

    def after(self, trial: FrozenTrial) -> tuple[float, float]:
        """Return the trial's value and the best one; NaN where there is none."""
        value = math.nan if trial.value is None else trial.value
        if trial.state == TrialState.COMPLETE:
            known = value if math.isnan(self._value) else self._value
            self._value = self._choose(value, known)
        return value, self._value


def _chosen(
    trials: Sequence[FrozenTrial], space: Space, settings: TuningSettings
) -> Tuned:
    params = [params_from(space, trial.params) for trial in trials]
    rows = [_row(*entry) for entry in enumerate(zip(trials, params, strict=True))]
    table = pd.DataFrame(rows)
    complete = table[table["state"] == "complete"]
    if complete.empty:
        raise FlexcvError(
            f"the inner objective gave no number in any of {len(table)} trials; "
            "check the objective and the search space."
        )
    maximise = settings.objective.greater_is_better
    if settings.one_standard_error:
        order = settings.one_standard_error
        best = simplest_within_one_error(complete, order, maximise)
    else:
        value = complete["value"].to_numpy()
        place = first_least(-value if maximise else value)
        best = int(complete["trial"].iloc[place])
    return Tuned(params[best], table, dict(trials[best].params))


def _row(number: int, entry: tuple[FrozenTrial, dict[str, Any]]) -> dict[str, Any]:
    trial, params = entry
    record = trial.user_attrs[RECORD]
    return {
        "trial": number,
        "value": float(np.mean(record["scores"])),
        "state": trial.state.name.lower(),
        "seconds": record["seconds"],
        **{f"params_{name}": _shown(value) for name, value in params.items()},
        **{f"fold_{fold}": score for fold, score in enumerate(record["scores"])},
    }


def _shown(value: Any) -> Any:
    """Return a value that a table can keep: what has no exact form is its text."""
    return value if is_exact(value) else str(value)


@contextlib.contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Keep Optuna from announcing each study; its verbosity is restored."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(before, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
