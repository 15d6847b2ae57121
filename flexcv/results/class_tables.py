"""Tables about predicted classes, from tidy predictions: a model after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from flexcv.dataset import Task
from flexcv.metrics.curves import calibration_table, confusion_table, roc_table

from .tables import require_predictions, with_decisions

Compute = Callable[[Any, Any, Any], pd.DataFrame]


def roc_of(
    predictions: pd.DataFrame, task: Task, model: str | None, part: str
) -> pd.DataFrame:
    """Return the ROC curves of the rows of all folds, with the model in front."""
    ranked = with_decisions(predictions, task)
    curves = _of_probabilities(ranked, task, model, part, roc_table)
    if curves.empty:
        raise ValueError(
            f"every row of the {part} part is of one class, so there is no ROC curve; "
            "draw `confusion` instead."
        )
    return curves


def calibration_of(
    predictions: pd.DataFrame, task: Task, model: str | None, part: str
) -> pd.DataFrame:
    """Return the calibration of the rows of all folds, with the model in front."""
    return _of_probabilities(predictions, task, model, part, calibration_table)


def confusion_of(
    predictions: pd.DataFrame, task: Task, model: str | None, part: str
) -> pd.DataFrame:
    """Return the confusion of the rows of all folds, with the model in front."""
    rows = _chosen(predictions, task, model, part)
    tables = {
        name: confusion_table(
            own["y_true"].to_numpy(), own["y_pred"].to_numpy(), task.classes
        )
        for name, own in rows.groupby("model", sort=False, observed=True)
    }
    return _with_model(tables)


def refuse_classes(task: Task, picture: str) -> None:
    """Refuse a picture of residuals where classes were predicted."""
    if task.is_classification:
        raise ValueError(
            f"{picture} needs numbers, and this run predicted classes; draw `roc`, "
            "`calibration` or `confusion` instead."
        )


def _of_probabilities(
    predictions: pd.DataFrame,
    task: Task,
    model: str | None,
    part: str,
    compute: Compute,
) -> pd.DataFrame:
    rows = _chosen(predictions, task, model, part)
    columns = list(task.columns)
    known = rows[rows[columns].notna().all(axis=1)]
    if known.empty:
        raise ValueError(
            "this picture needs probabilities, and no model asked for gave any; draw "
            "`confusion` instead."
        )
    tables = {
        name: compute(
            own["y_true"].to_numpy(), own[columns].to_numpy(np.float64), task.classes
        )
        for name, own in known.groupby("model", sort=False, observed=True)
    }
    return _with_model(tables)


def _chosen(
    predictions: pd.DataFrame, task: Task, model: str | None, part: str
) -> pd.DataFrame:
    if not task.is_classification:
        raise ValueError(
            "this picture needs classes, and this run predicted numbers; draw "
            "`predicted` or `residuals` instead."
        )
    require_predictions(predictions)
    for column, value in (("part", part), ("model", model)):
        known = [str(name) for name in predictions[column].unique()]
        if value is not None and value not in known:
            raise ValueError(
                f"`{column}` must be one of {', '.join(map(repr, known))}, "
                f"got {value!r}."
            )
    rows = predictions[predictions["part"].eq(part)]
    return rows if model is None else rows[rows["model"].eq(model)]


def _with_model(tables: dict[Any, pd.DataFrame]) -> pd.DataFrame:
    frames = [table.assign(model=str(name)) for name, table in tables.items()]
    stacked = pd.concat(frames, ignore_index=True)
    return stacked[["model", *(name for name in stacked if name != "model")]]
