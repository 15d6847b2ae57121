"""From what a user has to one checked table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from flexcv._checks import check_text, listed

from .extra import check_extra, read_extra, refuse_grouping
from .foreign import as_pandas, names_called
from .named import (
    check_rows,
    column_called,
    refuse_duplicates,
    refuse_unknown_names,
    taken_out,
)
from .table import Dataset
from .weighting import EVERYWHERE, checked_weights

LABEL_KINDS = {str, int, float, bool}  # what a category may be


def make_dataset(
    X: Any,
    y: Any,
    groups: Any = None,
    slopes: Any = None,
    target_name: str = "",
    dataset_name: str = "",
    extra: Any = None,
    weights: Any = None,
    weights_in: Any = EVERYWHERE,
    positive: Any = None,
) -> Dataset:
    """Align and check what a user has, row by row.

    Parameters
    ----------
    X
        Features: a DataFrame (of polars, a pyarrow table or a duckdb relation, too), a
        dictionary of columns or a 2-D array (columns are then called x0, x1, ...).
        Names become strings.
    y
        Target: a Series, one-column DataFrame, array or list with a number or class
        label per row, or the name of a column of `X`, which is then moved out of the
        features.
    groups
        Labels: a Series, a DataFrame of several grouping columns, an array or list,
        or the names of columns of `X`, which are then moved out of the features.
    slopes
        Names of features, or a Series or DataFrame holding some of the features.
    target_name, dataset_name
        Names shown in results; the target's own name is kept when left empty.
    extra
        Columns that splitters see and no model does, such as a date: names of columns
        of `X`, which are then moved out of the features, or a Series, a DataFrame or a
        dictionary of columns.
    weights
        A weight for each row: a Series, array or list, or the name of a column of `X`,
        which is then moved out of the features.
    weights_in
        What they reach, see `Weights`.
    positive
        The positive one of two classes; None is the last.

    Raises
    ------
    TypeError, ValueError
        When lengths, indexes, names or values do not fit together.
    """
    X = as_pandas(X, "X")
    given = {"y": y, "groups": groups, "slopes": slopes, "extra": extra}
    given["weights"] = weights
    y, groups, slopes, extra, weights = (
        names_called(as_pandas(value, role), X) for role, value in given.items()
    )
    features = feature_columns(X)
    check_text("target_name", target_name)
    check_text("dataset_name", dataset_name)
    target, features = _row_values(y, features, "y")
    weighting = None
    if weights is not None:
        values, features = _row_values(weights, features, "weights")
        weighting = checked_weights(values, weights_in)
    frame, features = taken_out(groups, features, "groups", _groups)
    refuse_grouping(extra, frame)
    others, features = taken_out(extra, features, "extra", read_extra)
    target = target.rename(target_name or _own_name(target, features))
    _check_target(target)
    _check_groups(frame, features, target)
    check_extra(others, frame, features, target)
    _check_features(features)
    names_of_slopes = _slopes(slopes, features)
    if names_of_slopes and frame is None:
        raise ValueError(
            "`slopes` were given without `groups`; "
            "pass the groups whose slopes may differ."
        )
    is_array = not hasattr(X, "items") and all(_is_numeric(features))
    return Dataset(
        features,
        target,
        frame,
        names_of_slopes,
        dataset_name,
        is_array,
        extra=others,
        weights=weighting,
        positive=positive,
    )


def feature_columns(X: Any) -> pd.DataFrame:
    """Return a table whose columns have texts as names; of an array x0, x1, ..."""
    if isinstance(X, pd.DataFrame):
        frame = X.copy(deep=False)
    elif isinstance(X, pd.Series):
        frame = X.to_frame("x0" if X.name is None else X.name)
    elif hasattr(X, "items"):
        frame = pd.DataFrame(dict(X.items()))
    else:
        values = np.asarray(X)
        if values.ndim != 2:
            raise ValueError(
                f"`X` must be a table with rows and columns, got an array with "
                f"{values.ndim} dimension(s); use X.reshape(-1, 1) for one feature."
            )
        frame = pd.DataFrame(values.copy(), copy=False)
        frame.columns = pd.Index([f"x{number}" for number in range(values.shape[1])])
    frame.columns = pd.Index([str(name) for name in frame.columns])
    refuse_duplicates(frame, "X")
    if frame.empty:
        raise ValueError(
            f"`X` must have rows and columns, got the shape {frame.shape}; "
            "pass at least one row and one feature."
        )
    return frame


def _row_values(
    given: Any, features: pd.DataFrame, role: str
) -> tuple[pd.Series[Any], pd.DataFrame]:
    """Return a value per row, and the features without the column that held them."""
    if isinstance(given, list) and len(given) == 1 and isinstance(given[0], str):
        [given] = given if given[0] in features.columns else [given]
    if isinstance(given, str):
        return column_called(features, given, role), features.drop(columns=given)
    return _series(given, features, role), features


def _series(given: Any, features: pd.DataFrame, role: str) -> pd.Series[Any]:
    if isinstance(given, pd.DataFrame):
        if given.shape[1] != 1:
            wanted = "to predict" if role == "y" else "that holds them"
            raise ValueError(
                f"`{role}` must be one column, got a DataFrame with {given.shape[1]}; "
                f"pass the column {wanted}."
            )
        given = given.iloc[:, 0]
    if isinstance(given, pd.Series):
        series = given.copy(deep=False)
    else:
        values = np.asarray(given)
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim != 1:
            raise ValueError(
                f"`{role}` must have one value per row of `X`, "
                f"got an array of shape {values.shape}."
            )
        # From a list, None becomes a missing number rather than an object.
        is_mixed = values.dtype == object
        series = pd.Series(values.tolist() if is_mixed else values.copy())
        if len(series) == len(features):
            series.index = features.index
    check_rows(series, features, role)
    return series.rename(role if series.name is None else str(series.name))


def _groups(groups: Any, features: pd.DataFrame) -> pd.DataFrame:
    if isinstance(groups, pd.Series):
        frame = groups.to_frame("group" if groups.name is None else groups.name)
    elif isinstance(groups, pd.DataFrame):
        frame = groups.copy(deep=False)
    else:
        refuse_unknown_names(groups, features)
        values = np.asarray(groups)
        if values.ndim not in {1, 2}:
            raise TypeError(
                f"`groups` must hold one label per row of `X`, got {groups!r}; "
                "pass a Series, a DataFrame, an array or column names."
            )
        frame = pd.DataFrame(values.copy())
        many = frame.shape[1] > 1
        frame.columns = pd.Index(
            [f"group{number}" if many else "group" for number in range(frame.shape[1])]
        )
        if len(frame) == len(features):
            frame.index = features.index
    frame.columns = pd.Index([str(name) for name in frame.columns])
    refuse_duplicates(frame, "groups")
    if frame.shape[1] == 0:
        raise ValueError("`groups` must have at least one column, got none.")
    check_rows(frame, features, "groups")
    return frame


def _own_name(target: pd.Series[Any], features: pd.DataFrame) -> str:
    """Name the target; one computed from a feature may have inherited its name."""
    name = str(target.name)
    if name not in features.columns:
        return name
    if features[name].equals(target):
        raise ValueError(
            f"the target {name!r} is also a column of `X`; drop it from `X`."
        )
    return "y" if "y" not in features.columns else f"{name} (target)"


def _check_target(target: pd.Series[Any]) -> None:
    missing = int(target.isna().sum())
    if missing:
        raise ValueError(
            f"`y` has {missing} missing value(s); drop those rows from all inputs."
        )
    if not pd.api.types.is_numeric_dtype(target.dtype):
        _check_labels(target)
        return
    if target.dtype.kind == "c":
        raise TypeError("`y` must be real numbers, got complex ones.")
    values = target.to_numpy(dtype=float)
    if not np.isfinite(values).all():
        raise ValueError("`y` has infinite values; drop or correct those rows.")


def _check_labels(target: pd.Series[Any]) -> None:
    """Refuse labels that do not sort: texts, numbers or truth values, of one kind."""
    if isinstance(target.dtype, pd.CategoricalDtype):
        labels: Any = target.cat.categories.to_numpy()
    else:
        labels = target.unique()
    kinds = {type(label) for label in np.asarray(labels, dtype=object).tolist()}
    if len(kinds) == 1 and kinds <= LABEL_KINDS:
        return
    found = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise TypeError(
        "`y` must hold numbers, or labels that are all texts, all whole numbers or all "
        f"truth values, got values of type {found}; convert them, for example with "
        "astype(str)."
    )


def _check_groups(
    groups: pd.DataFrame | None, features: pd.DataFrame, target: pd.Series[Any]
) -> None:
    if groups is None:
        return
    for name in groups.columns:
        if name in features.columns or name == target.name:
            raise ValueError(
                f"the grouping column {name!r} is also a feature or the target; drop "
                f"it from `X`, or pass groups={name!r} to move it out of the features."
            )
        missing = int(groups[name].isna().sum())
        if missing:
            raise ValueError(
                f"`groups` column {name!r} has {missing} missing label(s); "
                "drop those rows from all inputs or give them a label of their own."
            )


def _refuse_complex(features: pd.DataFrame) -> None:
    for name, column in features.items():
        if column.dtype.kind == "c":
            raise TypeError(
                f"the feature {name!r} holds complex numbers; pass their real and "
                "imaginary parts as two columns."
            )


def _check_features(features: pd.DataFrame) -> None:
    if features.shape[1] == 0:
        raise ValueError(
            "no feature is left once target, groups and extra columns are taken out "
            "of `X`; pass at least one more column."
        )
    _refuse_complex(features)
    numbers = features.select_dtypes("number")
    infinite = [
        name
        for name in numbers.columns
        if not np.isfinite(numbers[name].to_numpy(float, na_value=0.0)).all()
    ]
    if infinite:
        raise ValueError(
            f"`X` has infinite values in {listed(infinite)}; drop or correct them."
        )


def _slopes(slopes: Any, features: pd.DataFrame) -> tuple[str, ...]:
    if isinstance(slopes, pd.Series):
        slopes = slopes.to_frame()
    if not isinstance(slopes, pd.DataFrame):
        names = (
            column_called(features, s, "slopes").name for s in _slope_names(slopes)
        )
        return tuple(dict.fromkeys(str(name) for name in names))
    if slopes.shape[1] == 0:
        return ()
    slopes = slopes.rename(columns=str)
    refuse_duplicates(slopes, "slopes")
    check_rows(slopes, features, "slopes")
    for name in slopes.columns:
        if not slopes[name].equals(column_called(features, name, "slopes")):
            raise ValueError(
                f"`slopes` column {name!r} differs from the column of that name in "
                "`X`; give it another name and add it to `X` as well."
            )
    return tuple(slopes.columns)


def _is_numeric(features: pd.DataFrame) -> list[bool]:
    return [pd.api.types.is_numeric_dtype(dtype) for dtype in features.dtypes]


def _slope_names(slopes: Any) -> list[str]:
    """Read names as given; numbers are the names of numbered columns."""
    if slopes is None:
        return []
    given = [slopes] if isinstance(slopes, str | int) else slopes
    if isinstance(given, list | tuple) and all(
        isinstance(name, str | int) for name in given
    ):
        return [str(name) for name in given]
    raise TypeError(
        "`slopes` must be names of columns of `X`, or a Series or DataFrame "
        f"of such columns, got {type(slopes).__name__}."
    )
