"""Scale the features, leave the groups alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from flexcv._checks import check_flag
from flexcv.arrays import IntArray
from flexcv.preprocessing.between import check_between, learn_group_means
from flexcv.typing import Between

BLOCK = 2**18  # values copied or scaled at a time: they fit into a core's cache


@dataclass(frozen=True, slots=True)
class ScalingSettings:
    """Whether features are scaled outside and inside; None inside follows outside.

    `between` says whether group means are added to the features, see
    `flexcv.preprocessing`.
    """

    outside: bool = True
    inside: bool | None = None
    between: Between = False

    def __post_init__(self) -> None:
        check_between(self.between)
        check_flag("scale_out", self.outside)
        if self.inside is not None:
            check_flag("scale_in", self.inside)

    @property
    def scales_inside(self) -> bool:
        """Return whether the inner folds are scaled."""
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
    between, groups
        Whether group means of the features are added, and the column of groups, which
        is then not handed on.

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
        between: Between = False,
        groups: str | None = None,
    ) -> None:
        self.scale = scale
        self.passthrough = passthrough
        self.as_array = as_array
        self.between = between
        self.groups = groups

    def fit(self, X: pd.DataFrame, y: Any = None) -> FeatureTable:
        """Learn the columns, and the mean and scale of the numeric ones."""
        X = self._learn_means(X, y)
        self._learn_columns(X)
        numbers = _columns(X, self.scaled_)
        blocks = _blocks(*numbers.shape) if self.scaled_ else ()
        self._learn_scale(numbers.iloc[block].to_numpy(float) for block in blocks)
        return self

    def transform(self, X: Any) -> Any:
        """Return the known columns of `X`, scaled; `X` is not changed."""
        check_is_fitted(self)
        return self._cut(self._with_means(self._known_columns(X)), None)

    def fit_cut(self, X: pd.DataFrame, rows: IntArray, y: Any = None) -> Any:
        """Return ``fit_transform(X.iloc[rows], y)``, holding one copy of the rows.

        Tables may be large: rows are copied once and scaled where they lie.
        """
        if self.between:
            part = X.iloc[rows]
            return self.fit(part, y).transform(part)
        self._learn_means(X, y)
        self._learn_columns(X)
        if not self.scaled_:
            return self._cut(X, rows)
        values = _copied(_columns(X, self.scaled_), rows, float)
        self._learn_scale(values[block] for block in _blocks(*values.shape))
        return self._around(self._scaled(values), X, rows)

    def cut(self, X: pd.DataFrame, rows: IntArray) -> Any:
        """Return ``transform(X.iloc[rows])``, holding one copy of the rows."""
        check_is_fitted(self)
        if self.between:
            return self.transform(X.iloc[rows])
        return self._cut(self._known_columns(X), rows)

    def _learn_means(self, X: pd.DataFrame, y: Any) -> pd.DataFrame:
        """Learn which features get group means; gives the table with them."""
        self.inputs_ = list(X.columns)
        self.means_ = None
        if self.between:
            features = [name for name in X.columns if name != self.groups]
            target = None if y is None else _as_numbers(y)
            self.means_ = learn_group_means(
                self.between, X, target, [self.groups], features
            )[0]
        return self._with_means(X)

    def _with_means(self, X: pd.DataFrame) -> pd.DataFrame:
        if not self.between:
            return X
        features = X.drop(columns=[self.groups])
        if self.means_ is None:
            return features
        return pd.concat([features, self.means_.means(X)], axis=1)

    def _learn_columns(self, X: pd.DataFrame) -> None:
        self.columns_ = list(X.columns)
        self.scaled_ = _numeric(X, self.passthrough) if self.scale else []

    def _learn_scale(self, blocks: Iterator[Any]) -> None:
        if not self.scaled_:
            return
        self.scaler_ = StandardScaler()
        for block in blocks:
            self.scaler_.partial_fit(block)

    def _cut(self, table: Any, rows: IntArray | None) -> Any:
        if self.scaled_:
            values = _copied(_columns(table, self.scaled_), rows, float)
            return self._around(self._scaled(values), table, rows)
        if self.as_array:
            return _copied(table, rows, table.iloc[:0].to_numpy().dtype)
        return table if rows is None else table.iloc[rows]

    def _scaled(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Scale in place; the array is nobody else's."""
        for block in _blocks(*values.shape):
            self.scaler_.transform(values[block], copy=False)
        return values

    def _around(self, scaled: Any, table: Any, rows: IntArray | None) -> Any:
        """Put the columns that are not scaled beside those that are, in order."""
        if self.as_array and len(self.scaled_) == len(self.columns_):
            return scaled
        index = table.index if rows is None else table.index[rows]
        inside = pd.DataFrame(scaled, index, self.scaled_, copy=False)
        others = [name for name in self.columns_ if name not in set(self.scaled_)]
        if others:
            rest = table[others] if rows is None else table[others].iloc[rows]
            inside = _columns(pd.concat([inside, rest], axis=1), self.columns_)
        return inside.to_numpy() if self.as_array else inside

    def get_feature_names_out(self, input_features: Any = None) -> Any:  # noqa: ARG002
        """Name the columns that come out."""
        return np.asarray(self.columns_, dtype=object)

    def _known_columns(self, X: Any) -> Any:
        if not isinstance(X, pd.DataFrame):
            X = pd.DataFrame(X)
            X.columns = pd.Index([f"x{number}" for number in range(X.shape[1])])
        if list(X.columns) == self.inputs_:
            return X
        missing = [name for name in self.inputs_ if name not in X.columns]
        if missing:
            raise ValueError(
                f"the model was trained with the column {missing[0]!r}, which the "
                "table to predict lacks; add it (groups are columns here: "
                "X.assign(name=groups))."
            )
        return X[self.inputs_]


def _as_numbers(y: Any) -> npt.NDArray[np.float64]:
    """Return numbers as they are; of classes, whether a row is of the first one."""
    values = np.asarray(y)
    if values.dtype.kind in "iuf":
        return np.asarray(values, dtype=float)
    codes = pd.factorize(pd.Series(values), sort=True)[0]
    return np.asarray(codes == 0, dtype=float)


def _numeric(X: pd.DataFrame, passthrough: Sequence[str]) -> list[str]:
    numeric = X.select_dtypes("number", exclude=["timedelta", "complex"]).columns
    return [name for name in numeric if name not in set(passthrough)]


def _columns(table: Any, names: Sequence[str]) -> Any:
    """Return the columns named; selecting all of them would copy them."""
    return table if list(table.columns) == list(names) else table[list(names)]


def _copied(table: Any, rows: IntArray | None, dtype: Any) -> npt.NDArray[Any]:
    """Copy all rows, or some, into one array, a block at a time."""
    values = np.empty(
        (len(table) if rows is None else len(rows), table.shape[1]), dtype
    )
    for block in _blocks(*values.shape):
        part = table.iloc[block if rows is None else rows[block]]
        values[block] = part.to_numpy(dtype)
    return values


def _blocks(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Return slices of rows that hold a moderate number of values each."""
    step = max(1, BLOCK // max(1, n_columns))
    for start in range(0, max(n_rows, 1), step):
        yield slice(start, min(start + step, n_rows))
