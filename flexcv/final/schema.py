"""What the columns of a training table held, and where another table differs."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from flexcv._checks import listed, near_miss
from flexcv.dataset import Dataset
from flexcv.preflight.kinds import DATE, LABEL, NUMBER, WHOLE, kind_of

FEATURE, GROUP = "feature", "group"
FAR = 0.5  # of the range of training, beyond which a number lies far outside
SAID = {NUMBER: "numbers", WHOLE: "numbers", LABEL: "labels", DATE: "dates"}

Told: TypeAlias = Iterator[tuple[str, str, str]]  # column, level, sentence


@dataclass(frozen=True, slots=True, eq=False)
class ColumnSchema:
    """What one column held in training.

    Parameters
    ----------
    name
        Its name, a text.
    role
        ``"feature"`` or ``"group"``.
    kind
        Of what: ``"numbers"``, ``"labels"`` or ``"dates"``.
    dtype
        Its type, as pandas writes it.
    n_missing
        How many values were missing.
    low, high
        The range of numbers that are finite; None for other columns.
    levels
        The distinct values of labels, in the order of their first rows; of groups those
        of numbers, too.
    """

    name: str
    role: str
    kind: str
    dtype: str
    n_missing: int = 0
    low: float | None = None
    high: float | None = None
    levels: pd.Index = field(default_factory=lambda: pd.Index([]))

    @property
    def shown(self) -> str:
        """Say in a few words what the column held; labels of groups are only counted.

        Examples
        --------
        >>> column_schema(pd.Series([26.0, 78.5], name="age"), "feature").shown
        '26 to 78.5'
        """
        if self.low is not None and self.high is not None and self.role == FEATURE:
            return f"{self.low:.6g} to {self.high:.6g}"
        if self.kind == SAID[DATE]:
            return ""
        if self.role == GROUP:
            return f"{len(self.levels)} groups"
        return listed(self.levels.tolist())

    def is_known(self, column: pd.Series[Any]) -> pd.Series[bool]:
        """Return of each row whether training had its label, 308 and "308" being one.

        Parameters
        ----------
        column
            Labels of rows; a missing one is none that training had.
        """
        return pd.Series(
            _labels().level_codes(column, self.levels) >= 0, index=column.index
        )


def column_schema(column: pd.Series[Any], role: str) -> ColumnSchema:
    """Learn what a column of the training table holds.

    Parameters
    ----------
    column
        The column.
    role
        ``"feature"`` or ``"group"``.
    """
    kind, levels = _kind(column), pd.Index([])
    low, high = _range(column) if kind == SAID[NUMBER] else (None, None)
    if role == GROUP or kind == SAID[LABEL]:
        levels = _labels().plain_index(column.dropna().unique())
    about = str(column.name), role, kind, str(column.dtype), int(column.isna().sum())
    return ColumnSchema(*about, low, high, levels)


def table_schema(
    dataset: Dataset, group_names: Sequence[str]
) -> tuple[ColumnSchema, ...]:
    """Learn what the columns held that a model reads, and the splitting groups.

    Parameters
    ----------
    dataset
        The training table.
    group_names
        The grouping columns that the model reads.
    """
    features = (column_schema(dataset.features[n], FEATURE) for n in dataset.features)
    groups: list[pd.Series[Any]] = []
    if dataset.groups is not None:
        named = dict.fromkeys([*dataset.group_names[:1], *group_names])
        groups = [dataset.groups[name] for name in named]
    return (*features, *(column_schema(group, GROUP) for group in groups))


def differences(
    schema: Sequence[ColumnSchema], table: pd.DataFrame, needed: Sequence[str]
) -> Told:
    """Tell where a table differs from the one that a model was trained with.

    Parameters
    ----------
    schema
        Of the training table.
    table
        To predict; further columns are nobody's business.
    needed
        The columns without which the model cannot predict.

    Yields
    ------
    Column, ``"stop"``, ``"warn"`` or ``"note"``, and a sentence.
    """
    for column in schema:
        if column.name not in table.columns:
            if column.name in needed:
                yield column.name, "stop", _lacking(column.name, table)
            continue
        here = table[column.name]
        kind = _kind(here)
        if column.role == GROUP:
            yield from _strangers(column, here)
        elif _is_empty(column):
            continue
        elif here.notna().any() and kind != column.kind:
            yield column.name, "stop", _other_kind(column, here, kind)
        else:
            yield from _other_values(column, here)


def _kind(column: pd.Series[Any]) -> str:
    """Return what a column holds; dates that are written as text are labels."""
    kind = kind_of(column)
    known = column.dropna()
    if kind == DATE and len(known) and isinstance(known.iloc[0], str):
        kind = LABEL
    return SAID[kind]


def _range(column: pd.Series[Any]) -> tuple[float, float] | tuple[None, None]:
    values = _numbers(column)
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (None, None)


def _is_empty(column: ColumnSchema) -> bool:
    """Whether training had no value in a column, so that its kind says nothing."""
    has_none = column.low is None and not len(column.levels)
    return has_none and column.kind != SAID[DATE]


def _lacking(name: str, table: pd.DataFrame) -> str:
    hint = near_miss(name, map(str, table.columns)) or "; add it."
    return (
        f"the table lacks the column {name!r}, which the model was trained with{hint}"
    )


def _other_kind(column: ColumnSchema, here: pd.Series[Any], kind: str) -> str:
    example = _plain(here.dropna().iloc[0])
    known = f" ({column.shown})" if column.shown else ""
    return (
        f"{column.name!r} holds {kind} such as {example!r} where training had "
        f"{column.kind}{known}; convert it."
    )


def _other_values(column: ColumnSchema, here: pd.Series[Any]) -> Told:
    """Tell of missing values, levels and numbers that training did not show."""
    n_missing = int(here.isna().sum())
    if n_missing and not column.n_missing:
        yield (
            column.name,
            "warn",
            f"{column.name!r} is missing in {n_missing} of {len(here)} rows and never "
            "was in training, so nothing was learned about that; fill it, or leave the "
            "rows out.",
        )
    if column.kind == SAID[NUMBER]:
        yield from _far_values(column, here)
    elif column.kind == SAID[LABEL]:
        yield from _unseen_levels(column, here)


def _unseen_levels(column: ColumnSchema, here: pd.Series[Any]) -> Told:
    strange = here[here.notna() & ~column.is_known(here)]
    if len(strange):
        found = [_plain(value) for value in strange.unique()]
        yield (
            column.name,
            "warn",
            f"{column.name!r} has levels that training did not show, "
            f"{listed(found, 3)}, in {len(strange)} of {len(here)} rows; the model has "
            "learned nothing about them.",
        )


def _far_values(column: ColumnSchema, here: pd.Series[Any]) -> Told:
    if column.low is None or column.high is None:
        return
    values = _numbers(here)
    reach = FAR * (column.high - column.low)
    far = values[(values < column.low - reach) | (values > column.high + reach)]
    if len(far):
        worst = far[np.argmax(np.abs(far - (column.low + column.high) / 2.0))]
        yield (
            column.name,
            "warn",
            f"{column.name!r} lies far outside of training in {len(far)} of "
            f"{len(here)} rows, with {worst:.6g} where training had {column.shown}; "
            "look at its units, and trust no prediction there.",
        )


def _strangers(column: ColumnSchema, here: pd.Series[Any]) -> Told:
    n_missing = int(here.isna().sum())
    if n_missing:
        yield (
            column.name,
            "warn",
            f"{n_missing} of {len(here)} rows have no label in {column.name!r}; each "
            "counts as a new group.",
        )
    n_new = int((~column.is_known(here)).sum())
    if n_new:
        yield (
            column.name,
            "note",
            f"{n_new} of {len(here)} rows are of a group in {column.name!r} that "
            "training did not show.",
        )


def _numbers(column: pd.Series[Any]) -> Any:
    values = pd.to_numeric(column, errors="coerce")
    return values.to_numpy(dtype=float, na_value=np.nan)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _labels() -> Any:
    """Load how models tell labels apart, when a table is looked at."""
    return importlib.import_module("flexcv.models.design.labels")
