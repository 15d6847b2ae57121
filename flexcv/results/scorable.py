"""What metrics score: truth beside numbers, labels or probabilities.

A metric of probabilities scores several columns. So that whoever draws, deletes and
swaps rows of predictions need not know, `scorable` puts the number of the row where
the prediction stood, and the metrics look their columns up by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flexcv.arrays import FloatArray, IntArray
from flexcv.dataset import Task
from flexcv.errors import UndefinedScoreError
from flexcv.metrics import Metric, ignores_labels, response_columns
from flexcv.metrics.choice import LostFunction, choose_metric, guarded
from flexcv.metrics.classes import NO_PROBABILITIES
from flexcv.metrics.deletion import Deletion, Scores, deletion_of, weighs_sums
from flexcv.metrics.trying import refuse_misfit
from flexcv.records import Predictions

from .tables import WEIGHT, with_decisions


def truth(predictions: Predictions | None, target: pd.Series[Any]) -> npt.NDArray[Any]:
    """Return the true values of predicted rows; empty without predictions."""
    if predictions is None:
        return np.empty(0)
    if isinstance(target.dtype, pd.CategoricalDtype):  # take first: texts are slow
        return np.asarray(target.array[predictions.rows])
    return np.take(target.to_numpy(), predictions.rows)


def labels_of(predictions: Predictions | None, task: Task) -> npt.NDArray[Any]:
    """Return what was predicted as a user knows it: numbers, or labels of classes."""
    if predictions is None:
        return np.empty(0)
    return task.as_known(predictions.predicted)


def response_of(predictions: Predictions, metric: Metric, task: Task) -> Any:
    """Return what a metric scores.

    Raises
    ------
    UndefinedScoreError
        When it scores probabilities and there are none.
    """
    if not metric.needs_probabilities:
        return labels_of(predictions, task)
    if predictions.probabilities is None:
        if metric.ranks and predictions.decision is not None:
            return predictions.decision
        raise UndefinedScoreError(NO_PROBABILITIES)
    table = predictions.probabilities
    return table[:, -1] if len(task.classes) == 2 else table


def scorable(
    predictions: pd.DataFrame, metrics: Iterable[Metric], task: Task
) -> tuple[pd.DataFrame, list[Metric]]:
    """Return predictions and metrics that score one number a row, NaN where undefined.

    Where rows have weights, the metrics look them up as well.

    Parameters
    ----------
    predictions
        Tidy predictions.
    metrics
        Those whose function was not stored stay as they are.
    task
        Whether numbers or classes were predicted.
    """
    if not task.is_classification and WEIGHT not in predictions:
        return predictions, [guarded(metric) for metric in metrics]
    frame = predictions.assign(y_pred=np.arange(len(predictions)))
    if task.is_classification:
        codes = np.asarray(predictions["y_true"].cat.codes, dtype=np.intp)
        frame = frame.assign(y_true=codes)
    return frame, [_looking_up(metric, predictions, task) for metric in metrics]


def scorable_by(
    metric: Metric, predictions: pd.DataFrame, task: Task
) -> tuple[pd.DataFrame, Any]:
    """Return predictions and the function that scores them; None where it is lost."""
    if isinstance(metric.function, LostFunction):
        return predictions, None
    frame, [scored] = scorable(predictions, [metric], task)
    return frame, scored.function


def metric_meant(metric: Any, metrics: Sequence[Metric], task: Task) -> Metric:
    """Find the metric that is meant, and refuse one of another kind of target.

    Parameters
    ----------
    metric
        A name, a `Metric` or a function; None is ``"r2"``, of classes the run's first.
    metrics
        Those of the run.
    task
        Whether numbers or classes were predicted.
    """
    if metric is None:
        metric = metrics[0] if task.classes else "r2"
    chosen = choose_metric(metric, metrics)
    refuse_misfit(f"metric {chosen.name!r}", chosen.function, task.classes)
    if chosen.needs_probabilities and not task.classes:
        raise ValueError(
            f"metric {chosen.name!r} scores probabilities of classes, and this run "
            "predicted numbers; use for example 'r2' or 'mse'."
        )
    return chosen


def _looking_up(metric: Metric, predictions: pd.DataFrame, task: Task) -> Metric:
    """Return a metric of (truth or numbers of classes, numbers of rows)."""
    if isinstance(metric.function, LostFunction):
        return metric
    columns = response_columns(metric.response, task.columns)
    rows = with_decisions(predictions, task) if metric.ranks else predictions
    if ignores_labels(metric):
        task = Task(tuple(range(len(task.classes))))
    bound = guarded(metric.among(task.classes))
    labels = task.labels if task.is_classification else None
    table: npt.NDArray[Any]
    if metric.needs_probabilities:
        table = rows[columns].to_numpy()
    elif labels is None:
        table = predictions["y_pred"].to_numpy()
    else:
        table = labels[predictions["y_pred"].cat.codes]
    weights = predictions[WEIGHT].to_numpy() if WEIGHT in predictions else None
    looking = _LookingUp(bound.function, labels, table, weights)
    return replace(bound, function=looking, response="predict")


class _LookingUp:
    """A metric's function of (truth or numbers of classes, numbers of rows)."""

    def __init__(
        self,
        function: Callable[..., float],
        labels: npt.NDArray[Any] | None,
        table: npt.NDArray[Any],
        weights: FloatArray | None,
    ) -> None:
        self._function, self._labels, self._table = function, labels, table
        self._weights = weights
        inner = deletion_of(function)
        if weights is not None and not weighs_sums(inner):
            inner = None
        self.deletion = None if inner is None else self._looked_up(inner)

    def __call__(self, y_true: Any, places: Any) -> float:
        truth, predicted = self._true(y_true), self._at(places)
        if self._weights is None:
            return self._function(truth, predicted)
        return self._function(truth, predicted, self._weights[_whole(places)])

    def _true(self, y_true: Any) -> Any:
        return y_true if self._labels is None else self._labels[y_true]

    def _at(self, places: Any) -> npt.NDArray[Any]:
        return np.asarray(self._table[_whole(places)])

    def _looked_up(self, inner: Any) -> Deletion:
        def deletion(
            y_true: Any,
            y_pred: Any,
            others: Any,
            codes: Any,
            n_groups: int,
            classes: Sequence[Any] = (),  # noqa: ARG001  the inner one knows them
        ) -> Scores:
            truth, predicted = self._true(y_true), self._at(y_pred)
            swaps = [self._at(other) for other in others]
            own = {}
            if self._weights is not None:
                own = {"weights": self._weights[_whole(y_pred)]}
            scores: Scores = inner(truth, predicted, swaps, codes, n_groups, **own)
            return scores

        return deletion


def _whole(places: Any) -> IntArray:
    return np.asarray(places, dtype=np.intp)
