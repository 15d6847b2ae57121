"""Scale the features, leave the groups alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from flexcv._checks import check_flag


@dataclass(frozen=True, slots=True)
class ScalingSettings:
    """Whether features are scaled outside and inside; None inside follows outside."""

    outside: bool = True
    inside: bool | None = None

    def __post_init__(self) -> None:
        check_flag("scale_out", self.outside)
        if self.inside is not None:
            check_flag("scale_in", self.inside)

    @property
    def scales_inside(self) -> bool:
        """Tell whether the inner folds are scaled."""
        return self.outside if self.inside is None else self.inside


class FeatureTable(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Pick the columns a model was trained on and scale the numeric features.

    This is the first step of every pipeline in `results.estimators`, which therefore
    predicts on the user's own table: columns may stand in any order, and columns the
    model does not know are left out.

    Parameters
    ----------
    scale
        Whether to centre numeric features and divide them by their standard
        deviation, both learnt in `fit`. Categorical, text and Boolean columns pass.
    passthrough
        Columns that are never scaled, such as groups.
    as_array
        Whether to hand on an array, as the user gave one; it is also faster.

    Examples
    --------
    >>> table = pd.DataFrame({"x": [1.0, 3.0], "kind": ["a", "b"], "group": [7, 8]})
    >>> FeatureTable(passthrough=("group",)).fit_transform(table)
         x kind  group
    0 -1.0    a      7
    1  1.0    b      8
    """

    def __init__(
        self,
        scale: bool = True,
        passthrough: Sequence[str] = (),
        as_array: bool = False,
    ) -> None:
        self.scale = scale
        self.passthrough = passthrough
        self.as_array = as_array

    def fit(self, X: pd.DataFrame, y: Any = None) -> FeatureTable:  # noqa: ARG002
        """Learn the columns, and the mean and scale of the numeric ones."""
        self.columns_ = list(X.columns)
        self.scaled_ = _numeric(X, self.passthrough) if self.scale else []
        if self.scaled_:
            self.scaler_ = StandardScaler().fit(self._chosen(X).to_numpy(float))
        return self

    def transform(self, X: Any) -> Any:
        """Give the known columns of `X`, scaled; `X` is not changed."""
        check_is_fitted(self)
        table = self._scaled(self._known_columns(X))
        return table.to_numpy() if self.as_array else table

    def _scaled(self, table: Any) -> Any:
        if not self.scaled_:
            return table
        # One copy, scaled in place: tables may be large.
        values = self._chosen(table).to_numpy(float, copy=True)
        scaled = self.scaler_.transform(values, copy=False)
        if len(self.scaled_) == len(self.columns_):
            return pd.DataFrame(scaled, index=table.index, columns=table.columns)
        return table.assign(**dict(zip(self.scaled_, scaled.T, strict=True)))

    def _chosen(self, table: Any) -> Any:
        """Give the columns to scale; selecting all of them would copy them."""
        if len(self.scaled_) == len(self.columns_):
            return table
        return table[self.scaled_]

    def get_feature_names_out(self, input_features: Any = None) -> Any:  # noqa: ARG002
        """Name the columns that come out."""
        return np.asarray(self.columns_, dtype=object)

    def _known_columns(self, X: Any) -> Any:
        if not isinstance(X, pd.DataFrame):
            X = pd.DataFrame(X)
            X.columns = pd.Index([f"x{number}" for number in range(X.shape[1])])
        if list(X.columns) == self.columns_:
            return X
        missing = [name for name in self.columns_ if name not in X.columns]
        if missing:
            raise ValueError(
                f"the model was trained with the column {missing[0]!r}, which the "
                "table to predict lacks; add it (groups are columns here: "
                "X.assign(name=groups))."
            )
        return X[self.columns_]


def _numeric(X: pd.DataFrame, passthrough: Sequence[str]) -> list[str]:
    numeric = X.select_dtypes("number").columns
    return [name for name in numeric if name not in set(passthrough)]
