"""What a fitted model answers about a table: numbers, or classes and probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from flexcv.arrays import FloatArray, IntArray
from flexcv.dataset import Task
from flexcv.dataset.task import gives_decisions, gives_probabilities
from flexcv.records import Predictions


def answer(model: Any, X: Any, rows: IntArray, task: Task, name: str) -> Predictions:
    """Ask a fitted model about rows of a table, and check what it says.

    Parameters
    ----------
    model
        Fitted.
    X
        The rows as the model reads them.
    rows
        Their positions in the whole table.
    task
        Whether numbers or classes are predicted.
    name
        Of the model, for the message.

    Raises
    ------
    ValueError
        When it is not one finite number, or one class, per row.
    """
    if not task.is_classification:
        return Predictions(rows, _numbers(model.predict(X), len(rows), name))
    codes = _codes(_flat(model.predict(X), len(rows), name, "class"), task, name)
    table = class_probabilities(model, X, task.classes, name)
    decision = decision_values(model, X, task.classes) if table is None else None
    return Predictions(rows, codes, table, decision)


def class_probabilities(
    model: Any, X: Any, classes: Sequence[Any], name: str, **further: Any
) -> FloatArray | None:
    """Return probabilities with a column for every class, in order.

    A class that was not in the model's training rows has probability zero.

    Parameters
    ----------
    model
        Fitted; one without `predict_proba` gives None.
    X
        The table as the model reads it.
    classes
        All classes, sorted.
    name
        Of the model, for the message.
    further
        Arguments of its `predict_proba`.
    """
    if not gives_probabilities(model):
        return None
    given = np.asarray(model.predict_proba(X, **further), dtype=float)
    known = np.asarray(getattr(model, "classes_", classes), dtype=object).tolist()
    if given.ndim != 2 or given.shape[1] != len(known):
        raise ValueError(
            f"{name} must give a probability for each of its {len(known)} classes, but "
            f"gave an array of shape {given.shape}."
        )
    if not np.isfinite(given).all():
        raise ValueError(
            f"{name} gave a probability that is not a finite number; "
            "check the features and the model's settings."
        )
    if known == list(classes):
        return given
    places = {label: place for place, label in enumerate(classes)}
    table = np.zeros((len(given), len(classes)))
    for column, label in enumerate(known):
        if label not in places:
            raise ValueError(_stranger(name, label, classes))
        table[:, places[label]] = given[:, column]
    return table


def decision_values(model: Any, X: Any, classes: Sequence[Any]) -> FloatArray | None:
    """Return the decision function, larger for the positive one of two classes.

    Parameters
    ----------
    model
        Fitted; one without `decision_function`, or of other than two classes, gives
        None.
    X, classes
        As in `class_probabilities`.
    """
    known = np.asarray(getattr(model, "classes_", classes), dtype=object).tolist()
    if not gives_decisions(model) or len(classes) != 2 or set(known) != set(classes):
        return None
    values = np.asarray(model.decision_function(X), dtype=float)
    return values if known[-1] == classes[-1] else -values


def ranking_values(
    model: Any, X: Any, classes: Sequence[Any], name: str
) -> FloatArray | None:
    """Return probabilities, or the decision function of a model without them.

    Parameters
    ----------
    model, X, classes, name
        As in `class_probabilities`.
    """
    table = class_probabilities(model, X, classes, name)
    return decision_values(model, X, classes) if table is None else table


def _numbers(predicted: Any, n_rows: int, name: str) -> FloatArray:
    """Flatten predictions to one number a row, or say what came instead."""
    values = _flat(np.asarray(predicted, dtype=float), n_rows, name, "number")
    if not np.isfinite(values).all():
        raise ValueError(
            f"{name} predicted a value that is not a finite number; "
            "check the features and the model's settings."
        )
    return values


def _flat(predicted: Any, n_rows: int, name: str, kind: str) -> npt.NDArray[Any]:
    values = np.asarray(predicted)
    if values.shape == (n_rows, 1):
        values = values[:, 0]
    if values.shape != (n_rows,):
        raise ValueError(
            f"{name} must predict one {kind} per row, here {n_rows}, "
            f"but gave an array of shape {values.shape}."
        )
    return values


def _codes(predicted: npt.NDArray[Any], task: Task, name: str) -> npt.NDArray[np.int16]:
    codes = np.full(len(predicted), -1, dtype=np.int16)
    for place, label in enumerate(task.classes):
        codes[predicted == label] = place
    strangers = np.flatnonzero(codes < 0)
    if len(strangers):
        [label] = predicted[strangers[:1]].tolist()
        raise ValueError(_stranger(name, label, task.classes))
    return codes


def _stranger(name: str, label: Any, classes: Sequence[Any]) -> str:
    return (
        f"{name} predicted the class {label!r}, which the target does not have; it has "
        f"{', '.join(map(repr, classes))}."
    )
