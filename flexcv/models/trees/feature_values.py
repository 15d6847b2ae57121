"""The features of a table as numbers that a tree can split on.

Missing values stay missing. A column of labels becomes the places of its labels, in
category order or sorted; a label that training did not show counts as missing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from flexcv.arrays import FloatArray, IntArray
from flexcv.models.design.content import order_by_content as order_by_content
from flexcv.models.design.group_levels import listed_labels
from flexcv.models.design.labels import level_codes
from flexcv.models.design.validate import is_categorical


@dataclass(frozen=True, slots=True, eq=False)
class FeatureEncoder:
    """How the features of a table become numbers.

    Attributes
    ----------
    levels
        Per feature its labels, None where it holds numbers.
    """

    levels: dict[Any, pd.Index | None]

    def values(self, table: pd.DataFrame) -> FloatArray:
        """Return the features of a table, shape (n_rows, n_features)."""
        values = np.empty((len(table), len(self.levels)), order="F")
        for place, (name, labels) in enumerate(self.levels.items()):
            column = table[name]
            if labels is None:
                values[:, place] = _numbers(column, name)
            else:
                codes = level_codes(column, labels)
                values[:, place] = np.where(codes < 0, np.nan, codes)
        return values

    def take(self, places: IntArray) -> FeatureEncoder:
        """Keep the features at the given places, in the given order."""
        names = list(self.levels)
        return FeatureEncoder({names[k]: self.levels[names[k]] for k in places})


def learn_features(table: pd.DataFrame, names: Sequence[Any]) -> FeatureEncoder:
    """Learn the labels of the features that hold labels.

    Parameters
    ----------
    table
        The training table.
    names
        The feature columns.

    Examples
    --------
    >>> table = pd.DataFrame({"x": [1.0, np.nan], "f": ["b", "a"]})
    >>> learn_features(table, ["x", "f"]).values(table)
    array([[ 1.,  1.],
           [nan,  0.]])
    """
    if not names:
        raise ValueError(
            "`X` must have a feature beside the grouping columns, got none; add a "
            "column for the trees."
        )
    return FeatureEncoder(
        {
            name: listed_labels(table[name].dropna())
            if is_categorical(table[name])
            else None
            for name in names
        }
    )


def _numbers(column: pd.Series, name: Any) -> FloatArray:
    try:
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"column {name!r} must be numeric, got {column.dtype} values; "
            "convert it to numbers."
        ) from error
    if np.isinf(values).any():
        raise ValueError(
            f"column {name!r} must not be infinite, got infinite values; mark them "
            "as missing or drop the rows."
        )
    return values
