"""Two classes as zero and one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import assert_all_finite, column_or_1d

from flexcv.arrays import FloatArray

SHOWN = 5  # classes that an error message lists


def encoded_classes(y: Any) -> tuple[npt.NDArray[Any], FloatArray]:
    """Return the two classes, sorted, and one where a row belongs to the second.

    Parameters
    ----------
    y
        Labels of any kind: numbers, text, truth values, a category.

    Examples
    --------
    >>> encoded_classes(["yes", "no", "yes"])
    (array(['no', 'yes'], dtype=object), array([1., 0., 1.]))
    """
    labels = _plain(y)
    _refuse_numbers(labels)
    codes, classes = pd.factorize(labels, sort=True)
    if len(classes) == 1:
        raise ValueError(
            "a binomial target must have two classes, got only one class "
            f"{classes.tolist()[0]!r}; pass rows of both."
        )
    if len(classes) > 2:
        raise ValueError(
            "Only binary classification is supported. A binomial target must have two "
            f"classes, got {len(classes)}: {classes[:SHOWN].tolist()}; merge classes, "
            "take a multiclass model, or for counts another `family`."
        )
    return classes, codes.astype(float)


def known_classes(y: Any, classes: npt.NDArray[Any]) -> FloatArray:
    """Return one where a label is the second class, zero where it is the first.

    Parameters
    ----------
    y
        Labels; ValueError where one is of neither class.
    classes
        The two that training had.

    Examples
    --------
    >>> known_classes(["yes", "no"], np.array(["no", "yes"]))
    array([1., 0.])
    """
    labels = column_or_1d(y)
    second = np.asarray(labels == classes[1], dtype=bool)
    strange = np.flatnonzero(~second & np.asarray(labels != classes[0], dtype=bool))
    if len(strange):
        first, other = classes.tolist()
        [label] = labels[strange[:1]].tolist()
        raise ValueError(
            f"the outcome of known rows must be {first!r} or {other!r} as in training, "
            f"got {label!r}; drop these rows or recode them."
        )
    return second.astype(np.float64)


def success_shares(
    target: FloatArray, trials: FloatArray, *, counted: bool = False
) -> FloatArray:
    """Return shares of successes, of which a target above one holds the counts.

    Parameters
    ----------
    target
        Shares or counts.
    trials
        Numbers of trials.
    counted
        Whether the target counts, however small its values.

    Examples
    --------
    >>> success_shares(np.array([3.0, 0.0]), np.array([4.0, 2.0]))
    array([0.75, 0.  ])
    """
    wrong = (target < 0.0) | (target > trials)
    if not counted and (wrong.any() or target.max(initial=0.0) <= 1.0):
        return target  # shares, or refused by the family
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(
            "a target of `cbind` must count successes up to the trials in `weights`, "
            f"got {target[row]:g} of {trials[row]:g}; pass counts."
        )
    return np.asarray(target / trials)


def _plain(y: Any) -> npt.NDArray[Any]:
    """Return labels as a vector of one kind, without missing ones."""
    if isinstance(y, list) and all(np.isscalar(label) for label in y):
        y = pd.Series(y)  # an array would turn a mixture into text
    if hasattr(y, "dtype") and not isinstance(y.dtype, np.dtype):
        y = np.asarray(y, dtype=object)
    labels = column_or_1d(y, warn=True)
    if labels.dtype.kind == "f":
        assert_all_finite(labels, input_name="y")
    if labels.dtype.kind in "OUS":
        if pd.isna(labels).any():
            raise ValueError(
                "`y` must have a class in every row, got missing values; drop these "
                "rows."
            )
        labels = _one_kind(labels)
    return np.asarray(labels)


def _one_kind(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    kinds = {type(label).__name__ for label in labels}
    if all(isinstance(label, (bool, np.bool_)) for label in labels):
        return labels.astype(bool)
    if len(kinds) > 1 and not kinds <= {"str", "str_"}:
        raise TypeError(
            f"`y` must hold labels of one kind, got {sorted(kinds)}; convert them."
        )
    return labels.astype(object)


def _refuse_numbers(labels: npt.NDArray[Any]) -> None:
    if labels.dtype.kind == "f" and type_of_target(labels) == "continuous":
        raise ValueError(
            "Unknown label type: continuous; a binomial target without `weights` holds "
            "two classes, so pass the numbers of trials as `weights` beside shares."
        )
