r"""Scores of predicted classes and of their probabilities.

All take ``classes``, so that a fold which lacks a class is scored like any other. Of
two classes the probabilities are those of the last one, shape (n_rows,), otherwise
they have a column per class. Where scikit-learn has a score of the same name, these
give the same number; they are faster, which a bootstrap of them needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import rankdata

from flexcv.arrays import BoolArray, FloatArray, IntArray
from flexcv.errors import UndefinedScoreError

Classes = Sequence[Any]
NO_PROBABILITIES = "the model gives no probabilities"


def class_codes(labels: Any, classes: Classes) -> IntArray:
    """Return each label its place among the classes.

    Examples
    --------
    >>> class_codes(["b", "a", "b"], ("a", "b")).tolist()
    [1, 0, 1]
    """
    values = np.asarray(labels, dtype=object if _have_text(classes) else None)
    codes = np.zeros(len(values), dtype=np.intp)
    for place, label in enumerate(classes[1:], start=1):
        codes[values == label] = place
    return codes


def log_loss(
    y_true: Any, probabilities: Any, classes: Classes, sample_weight: Any = None
) -> float:
    r"""Average the negative logarithm of the probability given to the true class.

    Probabilities are kept off 0 by the machine's precision, as in scikit-learn.

    Parameters
    ----------
    y_true
        True classes, shape (n_rows,).
    probabilities
        Of the last of two classes, shape (n_rows,), or of all, (n_rows, n_classes).
    classes
        All classes, sorted.
    sample_weight
        Of each row, shape (n_rows,); None weighs all alike.

    Examples
    --------
    >>> round(log_loss(["no", "yes"], np.array([0.25, 0.75]), ("no", "yes")), 4)
    0.2877
    """
    table = probability_table(probabilities, classes)
    given = table[np.arange(len(table)), class_codes(y_true, classes)]
    eps = np.finfo(float).eps
    return averaged(-np.log(np.clip(given, eps, 1.0 - eps)), sample_weight)


def brier(
    y_true: Any, probabilities: Any, classes: Classes, sample_weight: Any = None
) -> float:
    r"""Average the squared distance of probabilities from what happened.

    Of two classes :math:`(p_i - y_i)^2`, of more :math:`\sum_k (p_{ik} - y_{ik})^2`,
    which is Brier's own and lies between 0 and 2.

    Parameters
    ----------
    y_true, probabilities, classes, sample_weight
        As in `log_loss`.
    """
    table = probability_table(probabilities, classes)
    happened = class_codes(y_true, classes)[:, None] == np.arange(len(classes))
    if len(classes) == 2:
        return averaged((table[:, 1] - happened[:, 1]) ** 2, sample_weight)
    return averaged(((table - happened) ** 2).sum(axis=1), sample_weight)


def roc_auc(
    y_true: Any, probabilities: Any, classes: Classes, sample_weight: Any = None
) -> float:
    """Return the chance that a row of the last class has the larger probability.

    The area under the ROC curve; ties count half. A decision function will do, too.

    Parameters
    ----------
    y_true, probabilities, classes, sample_weight
        As in `log_loss`, of two classes.
    """
    if len(classes) != 2:
        raise ValueError(only_for_two("roc_auc", len(classes)))
    table = probability_table(probabilities, classes)
    codes = class_codes(y_true, classes)
    return _area(codes == 1, table[:, 1], classes[1], sample_weight)


def roc_auc_ovr(
    y_true: Any, probabilities: Any, classes: Classes, sample_weight: Any = None
) -> float:
    """Average the area under the ROC curve of each class against the rest.

    Parameters
    ----------
    y_true, probabilities, classes, sample_weight
        As in `log_loss`.
    """
    table = probability_table(probabilities, classes)
    codes = class_codes(y_true, classes)
    if len(classes) == 2:
        return _area(codes == 1, table[:, 1], classes[1], sample_weight)
    areas = [
        _area(codes == place, table[:, place], label, sample_weight)
        for place, label in enumerate(classes)
    ]
    return float(np.mean(areas))


def balanced_accuracy(
    y_true: Any, y_pred: Any, classes: Classes, sample_weight: Any = None
) -> float:
    """Average over the classes of these rows the share that is recognised.

    Parameters
    ----------
    y_true, y_pred
        True and predicted classes, shape (n_rows,).
    classes
        All classes, sorted.
    sample_weight
        Of each row, shape (n_rows,); None weighs all alike.
    """
    codes = class_codes(y_true, classes)
    weights = np.ones(len(codes)) if sample_weight is None else sample_weight
    right = (codes == class_codes(y_pred, classes)) * weights
    hits = np.bincount(codes, right, len(classes))
    sizes = np.bincount(codes, weights, len(classes))
    return float(np.mean(hits[sizes > 0] / sizes[sizes > 0]))


def accuracy(
    y_true: Any, y_pred: Any, classes: Classes, sample_weight: Any = None
) -> float:
    """Return the share of rows whose class is recognised.

    Parameters
    ----------
    y_true, y_pred, classes, sample_weight
        As in `balanced_accuracy`.
    """
    right = class_codes(y_true, classes) == class_codes(y_pred, classes)
    return averaged(right, sample_weight)


def error_rate(
    y_true: Any, y_pred: Any, classes: Classes, sample_weight: Any = None
) -> float:
    """Return the share of rows whose class is mistaken; as in `accuracy`."""
    return 1.0 - accuracy(y_true, y_pred, classes, sample_weight)


def averaged(values: Any, sample_weight: Any = None) -> float:
    """Return the mean of values, weighted where there are weights.

    Examples
    --------
    >>> averaged(np.array([1.0, 4.0]), np.array([2.0, 1.0]))
    2.0
    """
    if sample_weight is None:
        return float(np.mean(values))
    return float(np.average(values, weights=sample_weight))


def probability_table(probabilities: Any, classes: Classes) -> FloatArray:
    """Return probabilities with a column per class, or say that there are none."""
    table = np.asarray(probabilities, dtype=float)
    if np.isnan(table).any():
        raise UndefinedScoreError(NO_PROBABILITIES)
    if table.ndim == 1 and len(classes) == 2:
        return np.column_stack([1.0 - table, table])
    return table


def response_columns(response: str, columns: Sequence[str]) -> str | list[str]:
    """Name the columns of tidy predictions that a metric of this response scores.

    Parameters
    ----------
    response
        Of the metric.
    columns
        The columns of probabilities, one per class.
    """
    if response == "predict":
        return "y_pred"
    return columns[-1] if len(columns) == 2 else list(columns)


def only_for_two(name: str, n_classes: int, other: str = "roc_auc_ovr") -> str:
    """Say that a metric is for two classes, and which one is for more."""
    hint = f"; use {other!r}" if other else ""
    return f"{name!r} is for two classes and the target has {n_classes}{hint}."


def _have_text(classes: Classes) -> bool:
    return any(isinstance(label, str) for label in classes)


def _area(
    is_class: BoolArray, score: FloatArray, label: Any, sample_weight: Any = None
) -> float:
    n_inside = int(is_class.sum())
    n_outside = len(is_class) - n_inside
    if n_inside == 0 or n_outside == 0:
        word = "no" if n_inside == 0 else "every"
        raise UndefinedScoreError(
            f"{word} row is of class {label!r}, so there is no ROC curve"
        )
    if sample_weight is not None:
        return _weighted_area(is_class, score, label, np.asarray(sample_weight, float))
    ranks = rankdata(score)[is_class].sum()
    return float((ranks - n_inside * (n_inside + 1) / 2) / (n_inside * n_outside))


def _weighted_area(
    is_class: BoolArray, score: FloatArray, label: Any, weights: FloatArray
) -> float:
    """Return the weight of the pairs that are ordered rightly, as a share of all."""
    inside, outside = weights * is_class, weights * ~is_class
    if not inside.any() or not outside.any():
        raise UndefinedScoreError(
            f"rows of class {label!r}, or all others, weigh nothing, so there is no "
            "ROC curve"
        )
    places = np.unique(score, return_inverse=True)[1]
    low = np.bincount(places, outside)
    below = np.cumsum(low) - low / 2.0  # ties count half
    return float(inside @ below[places] / (inside.sum() * outside.sum()))
