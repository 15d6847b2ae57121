"""Two labels as zeros and ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import type_of_target

from ._validate import FloatArray


def two_labels(y: Any) -> tuple[npt.NDArray[Any], FloatArray]:
    """Give the two classes in order, and the target as zeros and ones.

    Parameters
    ----------
    y
        A label per row, of two kinds.

    Examples
    --------
    >>> classes, codes = two_labels(["no", "yes", "no"])
    >>> codes
    array([0., 1., 0.])
    """
    if y is None:
        raise ValueError(
            "`fit` requires y to be passed, but the target y is None; pass `y`."
        )
    values = np.asarray(y)
    if values.ndim == 2 and values.shape[1] == 1:
        values = column_or_1d(values, warn=not isinstance(y, pd.DataFrame))
    if len(values) == 0:
        raise ValueError("`y` must have a label per row, got no rows; pass some.")
    if values.ndim != 1:
        raise ValueError(
            f"`y` must be one-dimensional, got shape {values.shape}; pass one column."
        )
    _require_labels(values)
    classes, codes = np.unique(values, return_inverse=True)
    if len(classes) > 2:
        raise ValueError(
            "Only binary classification is supported. The type of the target is "
            f"multiclass, with {len(classes)} labels; fit one model per label."
        )
    if len(classes) < 2:
        raise ValueError(
            "a binomial target must hold two classes, got one class "
            f"{str(classes[0])!r}; check the target or the fold."
        )
    return classes, codes.astype(np.float64)


def _require_labels(values: npt.NDArray[Any]) -> None:
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(
            "`y` must be finite, got missing or infinite values; drop these rows."
        )
    if values.dtype == object and pd.isna(values).any():
        raise ValueError(
            "`y` must have a label in every row, got missing ones; drop these rows."
        )
    kind = type_of_target(values)
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"Unknown label type: {kind}. A binomial target must hold two labels, got "
            f"values such as {values[0]}; take another family or model."
        )
