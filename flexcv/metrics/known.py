"""The metrics that have a name, and what a user may give for metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import sklearn.metrics as skm
from scipy.special import xlogy

from flexcv._checks import near_miss
from flexcv.errors import UndefinedScoreError

from . import classes
from .limits import ERROR
from .metric import RANKING, Metric
from .scorers import is_scorer_object, metric_of


def poisson_deviance(y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
    r"""Average the Poisson deviance of counts from their predicted means.

    .. math:: \frac{2}{n} \sum_i \Big( y_i \log\frac{y_i}{\mu_i} - y_i + \mu_i \Big)

    Parameters
    ----------
    y_true
        Counts, zero or more, shape (n_rows,).
    y_pred
        Predicted means, above zero, shape (n_rows,).
    sample_weight
        Of each row, shape (n_rows,); None weighs all alike.

    Examples
    --------
    >>> round(poisson_deviance([0, 2], [1.0, 2.0]), 6)
    1.0
    """
    counts, means = np.asarray(y_true, dtype=float), np.asarray(y_pred, dtype=float)
    if (counts < 0).any():
        raise ValueError(
            f"'poisson_deviance' takes counts of zero or more, got {counts.min():.6g}; "
            "score such a target by 'mse' or 'mae'."
        )
    if (means <= 0).any() and np.any(means != counts):
        raise UndefinedScoreError(
            f"the model predicts {means.min():.4g} where the mean of a count must be "
            "above zero; a model with a log link does"
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(counts > 0, counts / means, 1.0)
    return 2.0 * classes.averaged(xlogy(counts, ratio) - counts + means, sample_weight)


NUMBER_METRICS = {
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
        Metric("poisson_deviance", poisson_deviance, False, limits=ERROR),
    )
}
_PROBA = "predict_proba"
CLASS_METRICS = {
    metric.name: metric
    for metric in (
        Metric("log_loss", classes.log_loss, False, _PROBA, takes_classes=True),
        Metric("brier", classes.brier, False, _PROBA, takes_classes=True),
        Metric("roc_auc", classes.roc_auc, True, RANKING, takes_classes=True),
        Metric("roc_auc_ovr", classes.roc_auc_ovr, True, _PROBA, takes_classes=True),
        Metric(
            "balanced_accuracy", classes.balanced_accuracy, True, takes_classes=True
        ),
        Metric("accuracy", classes.accuracy, True, takes_classes=True),
    )
}
KNOWN_METRICS = {**NUMBER_METRICS, **CLASS_METRICS}
DEFAULT_METRICS = tuple(KNOWN_METRICS[name] for name in ("r2", "mse", "mae"))
_DEFAULTS = {
    "regression": DEFAULT_METRICS,
    "binary": ("log_loss", "brier", "roc_auc", "balanced_accuracy"),
    "multiclass": ("log_loss", "brier", "roc_auc_ovr", "balanced_accuracy"),
}
# scikit-learn's functions that need more than labels, and the metric that is meant.
_MEANT = {
    skm.log_loss: CLASS_METRICS["log_loss"],
    skm.brier_score_loss: CLASS_METRICS["brier"],
    skm.roc_auc_score: CLASS_METRICS["roc_auc"],
    skm.balanced_accuracy_score: CLASS_METRICS["balanced_accuracy"],
    skm.accuracy_score: CLASS_METRICS["accuracy"],
    skm.mean_poisson_deviance: NUMBER_METRICS["poisson_deviance"],
}
_DIRECTIONS = {m.function: m.greater_is_better for m in KNOWN_METRICS.values()}


def ignores_labels(metric: Metric) -> bool:
    """Return whether classes may be numbered from 0 before scoring, which is faster."""
    known = CLASS_METRICS.get(metric.name)
    return known is not None and known.function is metric.function


class MetricsDict(dict[str, Any]):
    """Name metrics: a dictionary of name to function or `Metric`.

    Given nothing, it starts with r2, mse and mae; what is given takes their place.

    Examples
    --------
    >>> metrics = MetricsDict()
    >>> metrics["bias"] = lambda y_true, y_pred: float(np.mean(y_pred - y_true))
    >>> [metric.name for metric in resolve_metrics(metrics)]
    ['r2', 'mse', 'mae', 'bias']
    >>> list(MetricsDict(r2=skm.r2_score))
    ['r2']
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        if given or named:
            super().__init__(*given, **named)
        else:
            super().__init__({metric.name: metric for metric in DEFAULT_METRICS})


def default_metrics(kind: str) -> tuple[Metric, ...]:
    """Return the metrics of a kind of target.

    Parameters
    ----------
    kind
        ``"regression"``, ``"binary"`` or ``"multiclass"``.

    Examples
    --------
    >>> [metric.name for metric in default_metrics("binary")]
    ['log_loss', 'brier', 'roc_auc', 'balanced_accuracy']
    """
    return resolve_metrics(_DEFAULTS[kind])


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
        metrics = tuple(named_metric(name, entry) for name, entry in value.items())
    else:
        if isinstance(value, str | Metric) or not isinstance(value, Iterable):
            value = [value]
        metrics = tuple(one_metric(entry) for entry in value)
    if not metrics:
        raise ValueError("`metrics` must name at least one metric, got none.")
    names = [metric.name for metric in metrics]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(
            f"`metrics` has more than one called {repeated[0]!r}; rename one."
        )
    return metrics


def named_metric(name: str, function: Any) -> Metric:
    """Make a metric of this name from a name, a metric or a function."""
    if isinstance(function, str) or is_scorer_object(function):
        function = one_metric(function)
    if isinstance(function, Metric):
        return replace(function, name=name)
    try:
        if function in _MEANT:
            return replace(_MEANT[function], name=name)
        direction = _DIRECTIONS.get(function)
    except TypeError:  # an unhashable value is refused by the record, with its name
        direction = None
    return Metric(name, function, direction)


def one_metric(entry: Any) -> Metric:
    """Make a metric from a name, a metric or a function with a name."""
    if isinstance(entry, Metric):
        return entry
    if is_scorer_object(entry):
        return metric_of(entry)
    if isinstance(entry, str):
        return KNOWN_METRICS.get(entry) or _from_scorer(entry)
    if callable(entry) and hasattr(entry, "__name__"):
        return named_metric(entry.__name__, entry)
    raise TypeError(
        f"`metrics` must hold names, Metric objects or functions, got {entry!r}; "
        "pass for example ['r2', 'mse'] or {'mine': my_function}."
    )


def _from_scorer(name: str) -> Metric:
    known = skm.get_scorer_names()
    if name not in known:
        hint = near_miss(name, [*KNOWN_METRICS, *known])
        hint = hint or f"; known are {', '.join(KNOWN_METRICS)} and scikit-learn's."
        raise ValueError(f"unknown metric {name!r}{hint}")
    return metric_of(name)
