"""Columns that are named, and columns that come with names of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pandas as pd

from flexcv._checks import listed, near_miss

Read: TypeAlias = Callable[[Any, pd.DataFrame], pd.DataFrame]


def taken_out(
    value: Any, features: pd.DataFrame, role: str, read: Read
) -> tuple[pd.DataFrame | None, pd.DataFrame]:
    """Return the columns of a role, and the features that are left without them.

    Parameters
    ----------
    value
        Names of features, what `read` reads, or None.
    features
        All columns that have no role yet.
    role
        The argument's name, for the message.
    read
        Makes columns of a value that names none.
    """
    if value is None:
        return None, features
    if not are_columns(value, features):
        return read(value, features), features
    names = [value] if isinstance(value, str) else list(value)
    chosen = [column_called(features, name, role) for name in dict.fromkeys(names)]
    return pd.concat(chosen, axis=1), features.drop(columns=names)


def column_called(features: pd.DataFrame, name: object, role: str) -> pd.Series[Any]:
    """Return the column of a name, or refuse one that the table lacks."""
    if name not in features.columns:
        hint = near_miss(name, features.columns) or "; add it to `X` or correct it."
        if name in features.index.names:
            hint = ", but a level of its index; pass X.reset_index()."
        raise ValueError(f"`{role}` names {name!r}, which is no column of `X`{hint}")
    return features[name]


def are_columns(value: Any, features: pd.DataFrame) -> bool:
    """Tell names of columns from labels: a list of names must all be columns."""
    if isinstance(value, str):
        return True
    return are_texts(value) and all(name in features.columns for name in value)


def are_texts(value: Any) -> bool:
    """Whether a value is a list of texts, at least one."""
    return (
        isinstance(value, list | tuple)
        and len(value) > 0
        and all(isinstance(name, str) for name in value)
    )


def refuse_unknown_names(names: Any, features: pd.DataFrame) -> None:
    """Refuse a list of names of which one is unknown; it holds no labels of rows."""
    if not isinstance(names, list | tuple) or len(names) == len(features):
        return
    known = [str(name) for name in features.columns]
    unknown = [name for name in names if isinstance(name, str) and name not in known]
    if unknown and len(unknown) < len(names):
        hint = near_miss(unknown[0], known) or "; check the name."
        raise ValueError(
            f"`groups` names {unknown[0]!r}, which is no column of `X`{hint}"
        )


def check_rows(
    given: pd.Series[Any] | pd.DataFrame, features: pd.DataFrame, name: str
) -> None:
    """Refuse columns whose rows are not those of the features."""
    if len(given) != len(features):
        raise ValueError(
            f"`{name}` has {len(given)} rows but `X` has {len(features)}; "
            f"pass one value per row of `X`."
        )
    if not given.index.equals(features.index):
        raise ValueError(
            f"`{name}` and `X` have different indexes, so their rows may not belong "
            f"together; sort them alike, then call reset_index(drop=True) on both."
        )


def refuse_duplicates(frame: pd.DataFrame, role: str) -> None:
    """Refuse a table in which two columns share a name."""
    repeated = frame.columns[frame.columns.duplicated()].unique().tolist()
    if repeated:
        raise ValueError(
            f"`{role}` has more than one column called {listed(repeated)}; "
            "rename them so that each name is unique."
        )
