"""Whether the metrics of a run fit its target and its models, before any fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from flexcv._checks import listed
from flexcv._secrets import redact
from flexcv.errors import UndefinedScoreError

from .classes import class_codes, only_for_two
from .known import CLASS_METRICS, NUMBER_METRICS
from .metric import Metric
from .scorers import ScorerFunction

# scikit-learn's scorers that are for two classes, and what to use for more.
TWO_CLASSES = {
    "roc_auc": "roc_auc_ovr",
    "f1": "f1_macro",
    "precision": "precision_macro",
    "recall": "recall_macro",
    "jaccard": "jaccard_macro",
    "average_precision": "",
    "positive_likelihood_ratio": "",
    "neg_negative_likelihood_ratio": "",
}
_NUMBER_FUNCTIONS: set[Any] = {metric.function for metric in NUMBER_METRICS.values()}
_CLASS_FUNCTIONS: dict[Any, str] = {
    metric.function: name for name, metric in CLASS_METRICS.items()
}


def try_metrics(
    metrics: Iterable[Metric], target: Any, classes: Sequence[Any] = ()
) -> None:
    """Score the target with itself, so that a metric that fails does so before a fit.

    Parameters
    ----------
    metrics
        The metrics of the run.
    target
        The whole target, a Series.
    classes
        All classes, sorted; none when the target is a number.

    Raises
    ------
    ValueError
        Naming the metric.
    """
    truth = target.to_numpy()
    for metric in metrics:
        refuse_misfit(f"metric {metric.name!r}", metric.function, classes)
        if metric.needs_probabilities and not len(classes):
            raise ValueError(_needs_classes(f"metric {metric.name!r}"))
        response = truth
        if metric.needs_probabilities:
            response = certain_probabilities(truth, classes)
        elif _needs_above_zero(metric):
            response = np.full(len(truth), np.mean(truth))
        try:
            metric.among(classes)(truth, response)
        except Exception as error:
            raise ValueError(
                f"metric {metric.name!r} fails already on the target scored with "
                f"itself ({_reason(error)}); it must take "
                "(y_true, y_pred) and give a number."
            ) from error


def refuse_misfit(owner: str, function: Any, classes: Sequence[Any]) -> None:
    """Refuse to score classes as numbers, numbers as classes, or three as two."""
    name, kind = _known_as(function)
    if kind == "classes" and not len(classes):
        raise ValueError(_needs_classes(owner))
    if kind == "numbers" and len(classes):
        raise ValueError(
            f"{owner} scores numbers, but the models predict classes; use for example "
            "'log_loss' or 'balanced_accuracy'."
        )
    if kind == "classes" and len(classes) > 2 and name in TWO_CLASSES:
        what = owner.partition(" ")[0]
        reason = only_for_two(name, len(classes), TWO_CLASSES[name])
        raise ValueError(f"{what} {reason}")


def _needs_above_zero(metric: Metric) -> bool:
    """Return whether it is a scorer that takes no prediction of zero."""
    function = metric.function
    return isinstance(function, ScorerFunction) and "deviance" in function.name


def _known_as(function: Any) -> tuple[str, str]:
    """Return the name of a function and what it scores; empty texts of a user's own."""
    if isinstance(function, ScorerFunction) and function.scores_anything:
        return "", ""
    if isinstance(function, ScorerFunction):
        return function.name, "numbers" if function.scores_numbers else "classes"
    if not callable(getattr(function, "__hash__", None)):
        return "", ""
    if function in _NUMBER_FUNCTIONS:
        return "", "numbers"
    name = _CLASS_FUNCTIONS.get(function, "")
    return name, "classes" if name else ""


def refuse_without_probabilities(owner: str, models: Sequence[str]) -> None:
    """Refuse a score of probabilities where models give none.

    Parameters
    ----------
    owner
        What needs them.
    models
        Names of the models that give none.
    """
    if models:
        raise ValueError(
            f"{owner} needs probabilities, which {listed(models)} does not give; leave "
            "it out, or put the model into a CalibratedClassifierCV."
        )


def refuse_margins(owner: str, function: Any, models: Sequence[str]) -> None:
    """Refuse to score the size of decision functions of models with probabilities.

    Of these only the probabilities are kept.

    Parameters
    ----------
    owner
        What scores them.
    function
        Its function.
    models
        Names of the models that give probabilities.
    """
    is_strict = isinstance(function, ScorerFunction) and function.scores_margins
    if is_strict and models:
        raise ValueError(
            f"{owner} scores values of a decision function, which are kept of models "
            f"without probabilities only, and {listed(models)} gives probabilities; "
            "score these, or leave it out."
        )


def certain_probabilities(labels: Any, classes: Sequence[Any]) -> Any:
    """Return probabilities that are 1 for these labels, as a metric is given them."""
    table = np.eye(len(classes))[class_codes(labels, classes)]
    return table[:, -1] if len(classes) == 2 else table


def _needs_classes(owner: str) -> str:
    return (
        f"{owner} scores classes, but the models predict numbers; use for example 'r2' "
        "or 'mse', or classifiers."
    )


def _reason(error: Exception) -> str:
    if isinstance(error, UndefinedScoreError):
        return redact(str(error))
    return redact(f"{type(error).__name__}: {error}")
