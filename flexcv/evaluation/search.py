"""Where tuning looks and which trial it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.pruners import BasePruner
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from scipy import stats

from flexcv._checks import check_mapping, check_number, near_miss
from flexcv._rounding import ALIKE, first_least, significant
from flexcv.records import ADDRESS, THRESHOLD

from .choices import Space, Suggesting, drawn_from, params_from, place_of

Points: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]] | pd.DataFrame


def ask(study: Study, space: Space) -> tuple[optuna.Trial, dict[str, Any]]:
    """Ask for one trial; returns it and the estimator's parameters."""
    if not callable(space):
        trial = study.ask(drawn_from(space))
        return trial, params_from(space, trial.params)
    trial = study.ask()
    asked: Any = Suggesting(trial, getattr(study.sampler, "note_choices", None))
    params = space(asked)
    if not hasattr(params, "items"):
        raise TypeError(
            "a search space given as a function must return a dictionary of the "
            f"estimator's parameters, got {type(params).__name__}."
        )
    return trial, dict(params.items())


def told(
    study: Study, trial: optuna.Trial, state: TrialState, value: float | None = None
) -> FrozenTrial:
    """Tell the study how a trial ended."""
    try:
        return study.tell(trial, value, state=state)
    except RuntimeError:
        # A grid that is used up stops the study, which ask-and-tell does not allow;
        # the trial itself is stored by then.
        if not is_exhausted(study):
            raise
        return study.get_trials(deepcopy=False)[trial.number]


def is_exhausted(study: Study) -> bool:
    """Return whether the sampler has nothing left to try, as a grid in the end."""
    ask_sampler = getattr(study.sampler, "is_exhausted", None)
    return ask_sampler is not None and bool(ask_sampler(study))


def defaults_inside(estimator: Any, space: Space) -> dict[str, Any]:
    """Return the estimator's own values of the parameters that the space contains."""
    if callable(space):
        return {}
    return points_inside([estimator.get_params(deep=True)], space)[0]


def points_inside(
    points: Sequence[Mapping[str, Any]], space: Space
) -> list[dict[str, Any]]:
    """Keep of each point what the space contains; a function's space takes all."""
    if callable(space):
        return [dict(point) for point in points]
    return [
        {
            name: value
            for name, value in point.items()
            if name in space and contains(space[name], value)
        }
        for point in points
    ]


def as_points(warm_start: Points | None) -> tuple[Mapping[str, Any], ...]:
    """Turn what a user gave to start from into a tuple of parameter dictionaries."""
    if warm_start is None:
        return ()
    if isinstance(warm_start, pd.DataFrame):
        table = warm_start.drop(columns=[*ADDRESS, THRESHOLD], errors="ignore")
        records = table.astype(object).to_dict("records")
        return tuple(
            {str(n): v for n, v in row.items() if not pd.isna(v)} for row in records
        )
    points = [warm_start] if hasattr(warm_start, "items") else list(warm_start)
    return tuple(check_mapping("warm_start", point) for point in points)


def contains(distribution: BaseDistribution, value: Any) -> bool:
    """Return whether a value is one that the distribution can give."""
    if isinstance(distribution, CategoricalDistribution):
        return place_of(distribution.choices, value) is not None
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    low, high, step = distribution.low, distribution.high, distribution.step  # type: ignore[attr-defined]
    if not low <= value <= high:
        return False
    return step is None or float((float(value) - low) / step).is_integer()


class RacingPruner(BasePruner):
    """Stop a trial that is clearly worse than the best one on the same inner folds.

    After each inner fold from the second on, the fold scores of the trial and of the
    best finished trial are compared by a one-sided paired t-test. Two folds are
    enough to stop a trial that is worse on both by a similar amount.

    Parameters
    ----------
    p_threshold
        Stop when the p-value falls below; smaller is more careful.

    Examples
    --------
    >>> RacingPruner(p_threshold=0.05)
    RacingPruner(p_threshold=0.05)
    """

    def __init__(self, p_threshold: float = 0.1) -> None:
        self.p_threshold = check_number("p_threshold", p_threshold, 0.0)

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Return whether to stop the trial; its intermediate values are fold scores."""
        done = [t for t in study.get_trials(deepcopy=False) if t.state.is_finished()]
        if not any(t.state == TrialState.COMPLETE for t in done):
            return False
        best = study.best_trial.intermediate_values
        steps = [step for step in trial.intermediate_values if step in best]
        worse = significant([trial.intermediate_values[s] for s in steps])
        worse -= significant([best[s] for s in steps])
        if study.direction == optuna.study.StudyDirection.MAXIMIZE:
            worse = -worse
        return _is_above_zero(worse, self.p_threshold)

    def __repr__(self) -> str:
        return f"RacingPruner(p_threshold={self.p_threshold})"


def _is_above_zero(differences: np.ndarray[Any, Any], p_threshold: float) -> bool:
    n = len(differences)
    if n < 2 or differences.mean() <= 0:
        return False
    error = differences.std(ddof=1) / np.sqrt(n)
    if error == 0:
        return True
    return bool(stats.t.sf(differences.mean() / error, n - 1) < p_threshold)


def simplest_within_one_error(
    trials: pd.DataFrame, order: Sequence[str], maximise: bool
) -> int:
    """Choose the simplest trial within one standard error of the best.

    The standard error is that of the best trial's mean over the inner folds (Breiman,
    Friedman, Olshen and Stone 1984, section 3.4.3), not over trials.

    Parameters
    ----------
    trials
        The finished trials: value, fold_0, fold_1, ..., params_*.
    order
        Parameters that make a model simpler when smaller, the most important first;
        a minus in front means simpler when larger: ``("max_depth", "-alpha")``.
    maximise
        Whether larger values are better.

    Returns
    -------
    The label of the row.

    Examples
    --------
    >>> trials = pd.DataFrame(
    ...     {
    ...         "value": [1.0, 1.05, 2.0],
    ...         "fold_0": [0.8, 0.9, 2.0],
    ...         "fold_1": [1.2, 1.2, 2.0],
    ...         "params_depth": [9, 3, 1],
    ...     }
    ... )
    >>> simplest_within_one_error(trials, ("depth",), maximise=False)
    1
    """
    sign = -1.0 if maximise else 1.0
    loss = sign * trials["value"]
    best = trials.iloc[first_least(loss)]
    names = [name for name in trials.columns if name.startswith("fold_")]
    folds = best[names].to_numpy(float)
    folds = folds[np.isfinite(folds)]
    error = folds.std(ddof=1) / np.sqrt(len(folds)) if len(folds) > 1 else 0.0
    error += ALIKE * abs(float(best["value"]))
    near = trials[loss <= sign * float(best["value"]) + error]
    columns = [_column(entry, trials) for entry in order]
    ranked = near.sort_values(
        [f"params_{name}" for name, _ in columns],
        ascending=[up for _, up in columns],
        kind="stable",
    )
    return int(ranked.index.to_numpy()[0])


def _column(entry: str, trials: pd.DataFrame) -> tuple[str, bool]:
    name = entry.removeprefix("-")
    known = [
        column.removeprefix("params_")
        for column in trials.columns
        if column.startswith("params_")
    ]
    if name not in known:
        hint = near_miss(name, known) or f"; tuned are {', '.join(known)}."
        raise ValueError(
            f"`one_standard_error` names {name!r}, which is not tuned{hint}"
        )
    return name, not entry.startswith("-")
