"""Scores of predictions: metrics outside, objectives inside."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sklearn.metrics as skm
from sklearn.base import BaseEstimator

from flexcv._checks import near_miss

FloatArray = npt.NDArray[np.float64]
FOUR_ARRAYS = 4  # y_valid, y_pred, y_train_in, y_pred_train


@dataclass(frozen=True, slots=True)
class Metric:
    """Score predictions with a function of (y_true, y_pred).

    Parameters
    ----------
    name
        The row it has in the summary.
    function
        Takes true and predicted values, each of shape (n_rows,), gives a number.
    greater_is_better
        The direction; None when unknown.
    response
        The method of the model that it scores: ``"predict"``.

    Examples
    --------
    >>> Metric("mae", skm.mean_absolute_error, False)([1.0, 3.0], [1.0, 2.0])
    0.5
    """

    name: str
    function: Callable[[Any, Any], float]
    greater_is_better: bool | None = None
    response: str = "predict"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"a metric's name must be a text, got {self.name!r}.")
        if not callable(self.function):
            raise TypeError(
                f"metric {self.name!r} must be a function of (y_true, y_pred), "
                f"got {self.function!r}."
            )
        if self.response != "predict":
            raise ValueError(
                f"metric {self.name!r}: `response` must be 'predict', "
                f"got {self.response!r}."
            )

    def __call__(self, y_true: Any, y_pred: Any) -> float:
        """Score predictions against the truth."""
        return float(self.function(y_true, y_pred))


KNOWN_METRICS = {
    metric.name: metric
    for metric in (
        Metric("r2", skm.r2_score, True),
        Metric("mse", skm.mean_squared_error, False),
        Metric("mae", skm.mean_absolute_error, False),
        Metric("rmse", skm.root_mean_squared_error, False),
        Metric("medae", skm.median_absolute_error, False),
        Metric("max_error", skm.max_error, False),
        Metric("mape", skm.mean_absolute_percentage_error, False),
        Metric("explained_variance", skm.explained_variance_score, True),
    )
}
DEFAULT_METRICS = tuple(KNOWN_METRICS[name] for name in ("r2", "mse", "mae"))
_DIRECTIONS = {m.function: m.greater_is_better for m in KNOWN_METRICS.values()}


class MetricsDict(dict[str, Any]):
    """Name metrics: a dictionary of name to function or `Metric`.

    Examples
    --------
    >>> metrics = MetricsDict(r2=skm.r2_score)
    >>> metrics["bias"] = lambda y_true, y_pred: float(np.mean(y_pred - y_true))
    >>> [metric.name for metric in resolve_metrics(metrics)]
    ['r2', 'bias']
    """


def resolve_metrics(value: Any) -> tuple[Metric, ...]:
    """Turn what a user gave for metrics into records.

    Parameters
    ----------
    value
        None for r2, mse and mae; a name or a list of names (of this module or of
        scikit-learn's scorers) or `Metric` objects; a dictionary of name to function.
    """
    if value is None:
        return DEFAULT_METRICS
    if isinstance(value, Mapping):
        metrics = tuple(_named(name, function) for name, function in value.items())
    else:
        if isinstance(value, str | Metric) or not isinstance(value, Iterable):
            value = [value]
        metrics = tuple(_one_metric(entry) for entry in value)
    if not metrics:
        raise ValueError("`metrics` must name at least one metric, got none.")
    names = [metric.name for metric in metrics]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"`metrics` has more than one called {repeated[0]!r}; rename one."
        )
    return metrics


def try_metrics(metrics: Iterable[Metric], target: Any) -> None:
    """Score the target with itself, so that a metric that fails does so before a fit.

    Raises
    ------
    ValueError
        Naming the metric.
    """
    for metric in metrics:
        try:
            metric(target.to_numpy(), target.to_numpy())
        except Exception as error:
            raise ValueError(
                f"metric {metric.name!r} fails already on the target scored with "
                f"itself ({type(error).__name__}: {error}); it must take "
                "(y_true, y_pred) and give a number."
            ) from error


def _named(name: str, function: Any) -> Metric:
    if isinstance(function, str):
        function = _one_metric(function)
    if isinstance(function, Metric):
        return Metric(name, function.function, function.greater_is_better)
    try:
        direction = _DIRECTIONS.get(function)
    except TypeError:  # an unhashable value is refused by the record, with its name
        direction = None
    return Metric(name, function, direction)


def _one_metric(entry: Any) -> Metric:
    if isinstance(entry, Metric):
        return entry
    if isinstance(entry, str):
        return KNOWN_METRICS.get(entry) or _from_scorer(entry)
    if callable(entry) and hasattr(entry, "__name__"):
        return _named(entry.__name__, entry)
    raise TypeError(
        f"`metrics` must hold names, Metric objects or functions, got {entry!r}; "
        "pass for example ['r2', 'mse'] or {'mine': my_function}."
    )


class _Echo(BaseEstimator):  # type: ignore[misc]
    """An estimator whose prediction is what it is given, for scorers."""

    def predict(self, X: Any) -> Any:
        return X


class _ScorerFunction:
    """One of scikit-learn's scorers as a function of (y_true, y_pred)."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, y_true: Any, y_pred: Any) -> float:
        return float(skm.get_scorer(self.name)(_Echo(), y_pred, y_true))


def is_scorer(metric: Metric) -> bool:
    """Tell whether a metric is one of scikit-learn's scorers, by its own name."""
    function = metric.function
    return isinstance(function, _ScorerFunction) and function.name == metric.name


def _from_scorer(name: str) -> Metric:
    known = skm.get_scorer_names()
    if name not in known:
        hint = near_miss(name, [*KNOWN_METRICS, *known])
        hint = hint or f"; known are {', '.join(KNOWN_METRICS)} and scikit-learn's."
        raise ValueError(f"unknown metric {name!r}{hint}")
    return Metric(name, _ScorerFunction(name), True)


@dataclass(frozen=True, slots=True)
class ObjectiveScorer:
    """Score one inner fold while tuning; by default the lower the better.

    Parameters
    ----------
    function
        Takes (y_valid, y_pred, y_train_in, y_pred_train), or only the first two:
        true and predicted values of the validation part, then of the inner training
        part, each of shape (n_rows,). Gives a number. The training part is predicted
        only for a function of four.
    greater_is_better
        Whether tuning maximises instead of minimising.

    Examples
    --------
    >>> def overfit_aware(y_valid, y_pred, y_train_in, y_pred_train):
    ...     valid = skm.mean_squared_error(y_valid, y_pred)
    ...     train = skm.mean_squared_error(y_train_in, y_pred_train)
    ...     return valid + max(valid - train, 0.0)
    >>> ObjectiveScorer(overfit_aware)([1.0], [2.0], [0.0], [0.0])
    2.0
    """

    function: Callable[..., float]
    greater_is_better: bool = False

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise TypeError(f"an objective must be a function, got {self.function!r}.")
        if _count_arguments(self.function) not in {2, FOUR_ARRAYS}:
            raise TypeError(
                "an objective must take (y_valid, y_pred, y_train_in, y_pred_train) "
                f"or (y_valid, y_pred), got {_signature(self.function)}."
            )

    @property
    def needs_train(self) -> bool:
        """Tell whether the inner training part must be predicted too."""
        return _count_arguments(self.function) == FOUR_ARRAYS

    def __call__(
        self,
        y_valid: Any,
        y_pred: Any,
        y_train_in: Any = None,
        y_pred_train: Any = None,
    ) -> float:
        """Score one inner fold."""
        if self.needs_train:
            return float(self.function(y_valid, y_pred, y_train_in, y_pred_train))
        return float(self.function(y_valid, y_pred))


def mean_squared_error(y_valid: FloatArray, y_pred: FloatArray) -> float:
    """Average the squared differences, without scikit-learn's input checks."""
    difference = np.asarray(y_valid, dtype=float) - np.asarray(y_pred, dtype=float)
    return float(difference @ difference / len(difference))


def resolve_objective(value: Any) -> ObjectiveScorer:
    """Turn what a user gave for the inner objective into a record.

    Parameters
    ----------
    value
        None for the validation mean squared error, an `ObjectiveScorer`, a function
        (minimised), or the name of a metric or of one of scikit-learn's scorers
        (in its own direction).
    """
    if value is None:
        return DEFAULT_OBJECTIVE
    if isinstance(value, ObjectiveScorer):
        return value
    if isinstance(value, str | Metric):
        metric = _one_metric(value)
        return ObjectiveScorer(metric.function, bool(metric.greater_is_better))
    return ObjectiveScorer(value)


def _count_arguments(function: Callable[..., Any]) -> int:
    """Count the positional arguments a function must or may be given."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = _parameters(function)
    required = sum(p.kind in kinds and p.default is p.empty for p in parameters)
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return FOUR_ARRAYS
    return required


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some compiled functions have no signature
        pair = ("y_valid", "y_pred")
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return [inspect.Parameter(name, kind) for name in pair]


def _signature(function: Callable[..., Any]) -> str:
    return f"{getattr(function, '__name__', 'a function')}{inspect.signature(function)}"


DEFAULT_OBJECTIVE = ObjectiveScorer(mean_squared_error)
