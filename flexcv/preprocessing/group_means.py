"""Group means of features as features: what differs between groups, and within them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from flexcv._checks import check_flag, near_miss

SUFFIX = "_mean"
ROUNDING = 1e-9  # of the spread of a column: less is no variation


def group_codes(labels: pd.Series) -> npt.NDArray[np.intp]:
    """Return each row the number of its group; a row without a label is its own."""
    codes = np.array(pd.factorize(labels)[0], dtype=np.intp)
    missing = np.flatnonzero(codes < 0)
    codes[missing] = codes.max(initial=-1) + 1 + np.arange(len(missing))
    return codes


def is_constant_within(column: pd.Series[Any], codes: npt.NDArray[np.intp]) -> bool:
    """Whether a column has one value in each group; a missing one is a value."""
    values = pd.factorize(column, use_na_sentinel=False)[0]
    first = np.zeros(int(codes.max(initial=-1)) + 1, dtype=np.intp)
    first[codes] = values
    return bool((first[codes] == values).all())


def means_of(table: pd.DataFrame, codes: npt.NDArray[np.intp]) -> pd.DataFrame:
    """Return, row by row, the mean of each column over the rows of its group."""
    means = table.astype(float).groupby(codes, sort=False).transform("mean")
    return means.set_axis(table.index)


def varying_columns(
    table: pd.DataFrame, codes: npt.NDArray[np.intp]
) -> tuple[list[Any], list[Any]]:
    """Name the numeric columns that vary within groups, and those of them between.

    Parameters
    ----------
    table
        The features.
    codes
        Each row's group.
    """
    numeric = table.select_dtypes(["number", "bool"], exclude=["timedelta", "complex"])
    values = numeric.astype(float)
    means = means_of(values, codes)
    spread = values.std().to_numpy() * ROUNDING
    within = ((values - means).abs().max() > spread).to_numpy()
    between = (means.max() - means.min() > spread).to_numpy()
    names = numeric.columns
    return list(names[within]), list(names[within & between])


class GroupMeans(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    r"""Add, for each numeric feature that varies within groups, its group mean.

    A feature may act in one way within groups and in another between them: patients
    who are older are worse off, and a patient who grows older is, too, but not by the
    same amount. A model with random effects then learns the slope within groups, which
    is wrong for groups that it does not know. With the group mean as a feature of its
    own it learns both (Mundlak 1978):

    .. math:: y_{ij} = \beta_w x_{ij} + (\beta_b - \beta_w) \bar x_i + b_i + e_{ij}

    Means are taken over the rows at hand, those of training in `fit_transform` and
    those to be predicted in `transform`; the target is never read. A group of one row
    has its own value as its mean.

    Parameters
    ----------
    groups
        Name of the column that says which group a row belongs to.
    columns
        Names of the features whose means are added; None is each numeric feature that
        varies within groups and between them in training.
    centred
        Whether a feature becomes its distance from the group mean, so that its
        coefficient is the slope within groups and that of the mean the slope between
        them. Otherwise features stay, and the coefficient of the mean is the
        difference of the two slopes.
    drop_groups
        Whether the column `groups` is left out of what comes out, for models that
        would take it for a feature.

    Attributes
    ----------
    columns_
        The features whose means are added; a mean is called ``<name>_mean``.

    References
    ----------
    Mundlak, Y. (1978). On the pooling of time series and cross section data.
    Econometrica 46(1), 69-85.

    Examples
    --------
    >>> table = pd.DataFrame({"x": [1.0, 3.0, 5.0, 5.0], "id": ["a", "a", "b", "c"]})
    >>> GroupMeans("id").fit_transform(table)
         x id  x_mean
    0  1.0  a     2.0
    1  3.0  a     2.0
    2  5.0  b     5.0
    3  5.0  c     5.0
    >>> GroupMeans("id", centred=True, drop_groups=True).fit_transform(table)
         x  x_mean
    0 -1.0     2.0
    1  1.0     2.0
    2  0.0     5.0
    3  0.0     5.0
    """

    columns_: list[Any]

    def __init__(
        self,
        groups: Hashable,
        columns: Sequence[Hashable] | None = None,
        *,
        centred: bool = False,
        drop_groups: bool = False,
    ) -> None:
        self.groups = groups
        self.columns = columns
        self.centred = centred
        self.drop_groups = drop_groups

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:  # noqa: ARG002
        """Learn which columns get a mean.

        Parameters
        ----------
        X
            The features and the column of groups.
        y
            Not read.
        """
        check_flag("centred", self.centred)
        check_flag("drop_groups", self.drop_groups)
        codes = self._codes(X)
        if self.columns is None:
            self.columns_ = varying_columns(X.drop(columns=[self.groups]), codes)[1]
        else:
            self.columns_ = list(self.columns)
        self._require(X, self.columns_)
        _refuse_taken(X, self.columns_)
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return `X` with the means of the rows at hand; `X` is not changed.

        Parameters
        ----------
        X
            A table with the columns that training had.
        """
        check_is_fitted(self)
        self._require(X, list(self.feature_names_in_))
        means = self.means(X)
        table = X.drop(columns=[self.groups]) if self.drop_groups else X.copy()
        if self.centred:
            own = table[self.columns_].astype(float)
            table[self.columns_] = own - means.to_numpy()
        return pd.concat([table, means], axis=1)

    def means(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the new columns alone: group means of the rows at hand.

        Parameters
        ----------
        X
            A table with the groups and the columns whose means are added.
        """
        check_is_fitted(self)
        self._require(X, self.columns_)
        means = means_of(X[self.columns_], self._codes(X))
        return means.set_axis(_named(means.columns), axis=1)

    @property
    def named(self) -> tuple[tuple[Hashable, str], ...]:
        """Return pairs: a feature and the name of its mean."""
        check_is_fitted(self)
        return tuple(zip(self.columns_, _named(self.columns_), strict=True))

    def get_feature_names_out(
        self,
        input_features: Any = None,  # noqa: ARG002
    ) -> npt.NDArray[Any]:
        """Name the columns that come out."""
        check_is_fitted(self)
        kept = [
            name
            for name in self.feature_names_in_
            if not (self.drop_groups and name == self.groups)
        ]
        return np.asarray([*kept, *_named(self.columns_)], dtype=object)

    def _codes(self, X: Any) -> npt.NDArray[np.intp]:
        if not isinstance(X, pd.DataFrame):
            raise TypeError(
                "`X` must be a DataFrame because GroupMeans names its columns, got "
                f"{type(X).__name__}; keep the table's columns through every step "
                "before."
            )
        self._require(X, [self.groups])
        return group_codes(X[self.groups])

    def _require(self, X: pd.DataFrame, names: Sequence[Hashable]) -> None:
        for name in names:
            if name not in X.columns:
                hint = near_miss(str(name), map(str, X.columns)) or "; add it."
                raise ValueError(f"the table must have the column {name!r}{hint}")


def _named(columns: Any) -> list[str]:
    return [f"{name}{SUFFIX}" for name in columns]


def _refuse_taken(X: pd.DataFrame, columns: Sequence[Hashable]) -> None:
    taken = set(_named(columns)) & set(X.columns)
    if taken:
        name = min(taken)
        raise ValueError(
            f"the group mean of {name.removesuffix(SUFFIX)!r} would be called "
            f"{name!r}, which the table has already; rename or drop that column."
        )
