"""Scores of a finished fold: computed once, when its unit ends, and read by all."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from flexcv.arrays import FloatArray
from flexcv.dataset import REGRESSION, Task
from flexcv.errors import UndefinedScoreError
from flexcv.metrics import Metric, QuickScores, ignores_labels
from flexcv.metrics.choice import LostFunction
from flexcv.records import PARTS, FoldResult, Predictions, Score

from .scorable import response_of, truth

NAN = float("nan")


def scored(
    result: FoldResult,
    metrics: Sequence[Metric],
    target: pd.Series[Any],
    task: Task = REGRESSION,
    weights: FloatArray | None = None,
) -> FoldResult:
    """Add the scores that a fold's result lacks; those it has are kept.

    Parameters
    ----------
    result
        What one model did on one fold.
    metrics
        What to score; the scores come in their order, the test part first.
    target
        The whole table's target.
    task
        Whether numbers or classes are predicted.
    weights
        Of each row of the table, shape (n_rows,); None weighs all alike.
    """
    known = {(score.part, score.metric): score for score in result.scores}
    if [*known] == [(part, metric.name) for part in PARTS for metric in metrics]:
        return result
    scores = []
    for part in PARTS:
        predictions = getattr(result, part)
        quick = _quick_scores(predictions, target, task, weights)
        for metric in metrics:
            kept = known.get((part, metric.name))
            value = None if kept or quick is None else quick.of(metric.function)
            if value is not None:
                kept = Score(part, metric.name, value, len(predictions.rows))
            scores.append(
                kept or _score(part, metric, predictions, target, task, weights)
            )
    return replace(result, scores=tuple(scores))


def undefined(results: Sequence[FoldResult]) -> Iterator[tuple[FoldResult, str]]:
    """Yield each score that has no value, as a sentence with the reason."""
    for result in results:
        for score in result.scores:
            if score.reason:
                text = (
                    f"{score.metric} of the {score.part} part is NaN: {score.reason}."
                )
                yield result, text


def scores_by_name(result: FoldResult) -> dict[str, float]:
    """Return the scores of a fold by metric; those of training end in ``_train``."""
    ending = {"test": "", "train": "_train"}
    return {f"{s.metric}{ending[s.part]}": s.value for s in result.scores}


def best_fold(
    results: Sequence[FoldResult], metric: str, greater_is_better: bool
) -> FoldResult:
    """Return the fold with the best test score.

    Raises
    ------
    ValueError
        When no fold has a score.
    """
    known = [(scores_by_name(result)[metric], result) for result in results]
    known = [(value, result) for value, result in known if math.isfinite(value)]
    if not known:
        raise ValueError(f"no fold has a score for {metric!r}; see `warnings`.")
    choose = max if greater_is_better else min
    return choose(known, key=lambda pair: pair[0])[1]


def _quick_scores(
    predictions: Predictions | None,
    target: pd.Series[Any],
    task: Task,
    weights: FloatArray | None,
) -> QuickScores | None:
    """Return the known scores of numbers, None of classes and of weighed rows."""
    if predictions is None or task.is_classification or weights is not None:
        return None
    return QuickScores(truth(predictions, target), predictions.predicted)


def _score(
    part: str,
    metric: Metric,
    predictions: Predictions | None,
    target: pd.Series[Any],
    task: Task,
    weights: FloatArray | None,
) -> Score:
    if predictions is None:
        return Score(part, metric.name, NAN, 0)
    value, reason = _value_or_reason(metric, predictions, target, task, weights)
    return Score(part, metric.name, value, len(predictions.rows), reason)


def _value_or_reason(
    metric: Metric,
    predictions: Predictions,
    target: pd.Series[Any],
    task: Task,
    weights: FloatArray | None,
) -> tuple[float, str]:
    """Compute a score; NaN and the reason where it has none."""
    if isinstance(metric.function, LostFunction):
        return NAN, ""
    if metric.name == "r2" and len(predictions.rows) < 2:
        return NAN, "a single row has no spread"
    try:
        value = _value(metric, predictions, target, task, weights)
        return value, "the metric gave no number" if math.isnan(value) else ""
    except UndefinedScoreError as error:
        return NAN, str(error)
    except Exception as error:  # noqa: BLE001  a metric of the user's loses no fold
        return NAN, f"the metric raised {type(error).__name__}: {error}"


def _value(
    metric: Metric,
    predictions: Predictions,
    target: pd.Series[Any],
    task: Task,
    weights: FloatArray | None,
) -> float:
    own = None if weights is None else weights[predictions.rows]
    if task.is_classification and ignores_labels(metric):
        known: Any = target.array.codes[predictions.rows]
        numbered = Task(tuple(range(len(task.classes))))
        # Where there is no value the labels tell more of the reason than numbers do.
        with contextlib.suppress(UndefinedScoreError):
            response = response_of(predictions, metric, numbered)
            return metric.among(numbered.classes)(known, response, own)
    response = response_of(predictions, metric, task)
    return metric.among(task.classes)(truth(predictions, target), response, own)
