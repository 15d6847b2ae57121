"""Which metric is meant, and which direction is better."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal, NoReturn, TypeAlias

import numpy as np

from flexcv._checks import near_miss
from flexcv.errors import UndefinedScoreError

from .deletion import deletion_of
from .known import KNOWN_METRICS, resolve_metrics
from .metric import Metric
from .objective import DEFAULT_OBJECTIVE, ObjectiveScorer

Direction: TypeAlias = Literal["min", "max"]  # which values are better


class LostFunction:
    """Stand in for a metric's function that was not stored with its scores."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, _y_true: Any, _y_pred: Any) -> NoReturn:
        """Return what is missing."""
        raise ValueError(
            f"the function of metric {self.name!r} was not stored with the results; "
            f"pass Metric({self.name!r}, function, greater_is_better) instead of its "
            "name."
        )


def choose_metric(metric: Any, scored: Sequence[Metric]) -> Metric:
    """Find the metric that is meant: of the run, known by name, or given.

    Parameters
    ----------
    metric
        A name, a `Metric` or a function of (y_true, y_pred).
    scored
        The metrics of the run.

    Examples
    --------
    >>> choose_metric("rmse", []).greater_is_better
    False
    """
    by_name = {known.name: known for known in scored}
    if isinstance(metric, str):
        return by_name[metric] if metric in by_name else _known(metric, by_name)
    [given] = resolve_metrics([metric])
    own = by_name.get(given.name)
    if own is None or _is_same(own, given):
        return given
    raise ValueError(
        f"the run scored another metric called {given.name!r}; pass a Metric with "
        "another name."
    )


def is_greater_better(metric: Metric, direction: str | None) -> bool:
    """Return the direction: what was asked for, else the metric's own."""
    if direction is not None:
        if direction not in {"min", "max"}:
            raise ValueError(f"`direction` must be 'min' or 'max', got {direction!r}.")
        return direction == "max"
    if metric.greater_is_better is None:
        raise ValueError(
            f"the direction of {metric.name!r} is unknown; "
            "pass direction='min' or 'max'."
        )
    return metric.greater_is_better


def objective_name(objective: ObjectiveScorer) -> str:
    """Return what an objective is called: as its metric, else as its function.

    Examples
    --------
    >>> from flexcv.metrics import resolve_objective
    >>> objective_name(resolve_objective("mae"))
    'mae'
    """
    function: Any = objective.function
    while isinstance(function, functools.partial):
        function = function.func
    if function is DEFAULT_OBJECTIVE.function:
        return "mse"
    for name, metric in KNOWN_METRICS.items():
        if metric.function is function:
            return name
    return str(getattr(function, "__name__", ""))


def guarded(metric: Metric) -> Metric:
    """Return NaN where a metric has no value, as r2 of a single row has none."""
    if isinstance(metric.function, LostFunction):
        return metric
    return replace(metric, function=Guarded(metric))


class Guarded:
    """A metric's function that gives NaN where the metric has no value."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self.deletion = deletion_of(metric.function)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """Score, or return NaN."""
        if self._metric.name == "r2" and len(y_true) < 2:
            return float(np.nan)
        try:
            return self._metric(y_true, y_pred, sample_weight)
        except UndefinedScoreError:
            return float(np.nan)


def _known(name: str, by_name: dict[str, Metric]) -> Metric:
    try:
        [metric] = resolve_metrics([name])
    except ValueError:
        names = [*by_name, *KNOWN_METRICS]
        listed = ", ".join(dict.fromkeys(names))
        hint = near_miss(name, names) or f"; known are {listed} and scikit-learn's."
        raise ValueError(
            f"metric {name!r} was not computed and is not known{hint}"
        ) from None
    return metric


def _is_same(own: Metric, given: Metric) -> bool:
    return own.function is given.function or isinstance(own.function, LostFunction)
