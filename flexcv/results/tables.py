"""Tidy tables from fold results: pure functions, one table each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flexcv.dataset import REGRESSION, Task
from flexcv.records import FoldResult, Predictions

AVERAGES = ("mean", "median", "std")
ADDRESS = ["model", "repeat", "fold"]
PREDICTION_COLUMNS = [
    *ADDRESS,
    "row",
    "group",
    "known_group",
    "y_true",
    "y_pred",
    "part",
]


def address(fold: FoldResult) -> dict[str, Any]:
    """Give model, repeat and fold as the first columns of a row."""
    return {"model": fold.model, "repeat": fold.repeat, "fold": fold.fold}


def scores_table(folds: Iterable[FoldResult]) -> pd.DataFrame:
    """Stack the scores of all folds: a row per model, fold, part and metric."""
    rows = [
        (*fold.key, score.part, score.metric, score.value, score.n_rows)
        for fold in folds
        for score in fold.scores
    ]
    return pd.DataFrame(rows, columns=[*ADDRESS, "part", "metric", "value", "n_rows"])


def summary_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Lay scores out as people read them: folds and averages down, models across."""
    models = list(dict.fromkeys(scores["model"]))
    metric = scores["metric"].where(
        scores["part"].eq("test"), scores["metric"] + "_train"
    )
    fold = _fold_labels(scores)
    index = ["Fold", "Metric", "model"]
    values = scores.assign(Metric=metric, Fold=fold).set_index(index)["value"]
    names, labels = list(dict.fromkeys(metric)), list(dict.fromkeys(fold))
    rows = pd.MultiIndex.from_product([labels, names], names=index[:2])
    wide = values.unstack().reindex(index=rows, columns=models)  # noqa: PD010
    by_metric = wide.groupby(level="Metric", sort=False)
    # An average over the folds a model survived would stand beside full ones.
    failed = list(scores.loc[scores["n_rows"] == 0, "model"].unique())
    averages = [
        pd.concat([_averaged(by_metric, kind, failed, names)], keys=[kind])
        for kind in AVERAGES
    ]
    table: pd.DataFrame = pd.concat([wide, *averages]).rename_axis(index=index[:2])
    table.columns.name = None
    return table


def _averaged(
    by_metric: Any, kind: str, failed: Sequence[str], names: Sequence[str]
) -> pd.DataFrame:
    table: pd.DataFrame = by_metric.agg(kind).reindex(names)
    table[list(failed)] = np.nan
    return table


def _fold_labels(scores: pd.DataFrame) -> pd.Series[Any]:
    """Label folds by number; with repeats by text: ``"0.3"`` is repeat 0, fold 3."""
    if (scores["repeat"] == scores["repeat"].min()).all():
        return scores["fold"].astype(object)
    return scores["repeat"].astype(str) + "." + scores["fold"].astype(str)


def predictions_table(
    folds: Iterable[FoldResult],
    target: pd.Series[Any],
    groups: pd.Series[Any] | None,
    task: Task = REGRESSION,
) -> pd.DataFrame:
    """Stack all predictions: a row per model, fold and predicted row.

    Of classes there is a column of probabilities for each, before the part.
    """
    folds = list(folds)
    columns = [*PREDICTION_COLUMNS[:-1], *task.columns, PREDICTION_COLUMNS[-1]]
    codes = None if groups is None else pd.factorize(groups)[0]
    frames = [
        _prediction_frame(fold, part, predictions, target, task).assign(
            group=_labels(groups, predictions),
            known_group=_known_groups(fold, predictions, codes),
        )[columns]
        for fold in folds
        for part, predictions in (("test", fold.test), ("train", fold.train))
        if predictions is not None
    ]
    if not frames:
        return pd.DataFrame(columns=columns)
    table = pd.concat(frames, ignore_index=True)
    models = pd.CategoricalDtype(list(dict.fromkeys(fold.model for fold in folds)))
    parts = pd.CategoricalDtype(["train", "test"])
    return table.astype({"model": models, "part": parts})


def _prediction_frame(
    fold: FoldResult,
    part: str,
    predictions: Predictions,
    target: pd.Series[Any],
    task: Task,
) -> pd.DataFrame:
    y_true: Any = target.array if task.is_classification else target.to_numpy()
    y_pred: Any = predictions.predicted
    probabilities = predictions.probabilities
    if task.is_classification:
        y_pred = pd.Categorical.from_codes(y_pred, dtype=target.array.dtype)
        if probabilities is None:
            probabilities = np.full((len(predictions.rows), len(task.classes)), np.nan)
    shown = (
        {} if probabilities is None else zip(task.columns, probabilities.T, strict=True)
    )
    return pd.DataFrame(
        {
            **address(fold),
            "row": predictions.rows,
            "y_true": y_true[predictions.rows],
            "y_pred": y_pred,
            **dict(shown),
            "part": part,
        }
    )


def _labels(groups: pd.Series[Any] | None, predictions: Predictions) -> Any:
    if groups is None:
        return pd.array([pd.NA] * len(predictions.rows), dtype="object")
    return groups.iloc[predictions.rows].array


def _known_groups(
    fold: FoldResult,
    predictions: Predictions,
    codes: npt.NDArray[np.intp] | None,
) -> Any:
    """Tell for each row whether its group was in the fold's training part."""
    if codes is None:
        return pd.array([pd.NA] * len(predictions.rows), dtype="boolean")
    seen = np.zeros(codes.max() + 1, dtype=bool)
    if fold.train is not None:
        seen[codes[fold.train.rows]] = True
    return pd.array(seen[codes[predictions.rows]], dtype="boolean")


def params_table(folds: Iterable[FoldResult]) -> pd.DataFrame:
    """Stack what tuning chose: a row per tuned model and fold."""
    tuned = [fold for fold in folds if fold.params]
    table = pd.DataFrame([address(fold) for fold in tuned], columns=ADDRESS)
    names = dict.fromkeys(name for fold in tuned for name in fold.params)
    for name in names:
        table[name] = _parameter([fold.params.get(name) for fold in tuned])
    return table


def _parameter(values: list[Any]) -> Any:
    """Keep whole numbers whole where another model lacks the parameter."""
    known = [value for value in values if value is not None]
    if all(
        isinstance(value, Integral) and not isinstance(value, bool) for value in known
    ):
        return pd.array(values, dtype="Int64")
    return values


def warnings_table(
    folds: Iterable[FoldResult],
    undefined: Iterable[tuple[FoldResult, str]] = (),
) -> pd.DataFrame:
    """Stack warnings and failures, and scores without a value: a row each."""
    rows = []
    for fold in folds:
        pairs = list(fold.warnings)
        if fold.error:
            pairs.append(("Failure", fold.error))
        rows += [{**address(fold), "category": c, "message": m} for c, m in pairs]
    rows += [
        {**address(fold), "category": "UndefinedScore", "message": reason}
        for fold, reason in undefined
    ]
    return pd.DataFrame(rows, columns=[*ADDRESS, "category", "message"])


def stacked(parts: Iterable[tuple[FoldResult, pd.DataFrame | None]]) -> pd.DataFrame:
    """Stack the frames of all folds, with the address in front."""
    frames = [
        frame.assign(**address(fold)) for fold, frame in parts if frame is not None
    ]
    if not frames:
        return pd.DataFrame(columns=ADDRESS)
    table: pd.DataFrame = pd.concat(frames, ignore_index=True)
    return table[ADDRESS + [name for name in table if name not in ADDRESS]]
