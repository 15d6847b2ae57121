"""Columns that splitters see and no model does."""

from __future__ import annotations

from typing import Any

import pandas as pd

from .named import are_texts, check_rows, column_called, refuse_duplicates


def read_extra(extra: Any, features: pd.DataFrame) -> pd.DataFrame:
    """Read columns that come with names of their own.

    Parameters
    ----------
    extra
        A Series with a name, a DataFrame or a dictionary of columns.
    features
        The table whose rows they belong to.
    """
    if isinstance(extra, pd.Series) and extra.name is not None:
        frame = extra.to_frame()
    elif isinstance(extra, pd.DataFrame):
        frame = extra.copy(deep=False)
    elif hasattr(extra, "items") and not isinstance(extra, pd.Series):
        frame = pd.DataFrame(dict(extra.items()))
        if len(frame) == len(features) and isinstance(frame.index, pd.RangeIndex):
            frame.index = features.index
    else:
        for name in extra if are_texts(extra) else ():
            column_called(features, name, "extra")  # refuses the unknown one
        raise TypeError(
            "`extra` must be names of columns of `X`, or a Series with a name, a "
            "DataFrame or a dictionary of columns with a value per row, got "
            f"{type(extra).__name__}."
        )
    frame.columns = pd.Index([str(name) for name in frame.columns])
    refuse_duplicates(frame, "extra")
    check_rows(frame, features, "extra")
    return frame


def refuse_grouping(extra: Any, groups: pd.DataFrame | None) -> None:
    """Refuse the name of a grouping column, which is none of the features any more."""
    names = [extra] if isinstance(extra, str) else extra
    if groups is None or not are_texts(names):
        return
    for name in names:
        if name in groups.columns:
            raise ValueError(
                f"`extra` names {name!r}, which is a grouping column; leave it out of "
                "`extra`, splitters see grouping columns anyway."
            )


def check_extra(
    extra: pd.DataFrame | None,
    groups: pd.DataFrame | None,
    features: pd.DataFrame,
    target: pd.Series[Any],
) -> None:
    """Refuse an extra column whose name another column has."""
    taken = {target.name: "the target", **dict.fromkeys(features, "a feature")}
    taken |= dict.fromkeys([] if groups is None else groups, "a grouping column")
    for name in [] if extra is None else extra.columns:
        if name in taken:
            raise ValueError(
                f"the extra column {name!r} is also {taken[name]}; rename it, or pass "
                f"extra={name!r} to move a column of `X` out of the features."
            )
