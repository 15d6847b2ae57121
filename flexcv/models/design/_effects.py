"""From one named effect to its numeric columns, remembered for prediction.

An effect learns on the training table what it must know later (the levels of a
category, the state of a formula) and then gives the same columns for any table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from formulaic import Formula
from formulaic.errors import FormulaicError

from flexcv.models._validate import (
    FloatArray,
    is_categorical,
    near_miss,
    numeric_values,
    require_no_missing,
)

from ._notation import split_outside

INTERCEPT = "Intercept"


class Columns:
    """Numeric columns of one table, each converted once."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table
        self.ones = np.ones(len(table))
        self._known: dict[object, FloatArray] = {}

    def numeric(self, name: Any) -> FloatArray:
        """Give a numeric column; the same object each time."""
        if name not in self._known:
            self._known[name] = numeric_values(self.table[name], name)
        return self._known[name]

    def indicator(self, name: Any, level: object) -> FloatArray:
        """Give one where the column equals the level, else zero."""
        key = (name, "is", level)
        if key not in self._known:
            equal = np.asarray(self.table[name] == level, dtype=np.float64)
            self._known[key] = equal
        return self._known[key]


class Effect(Protocol):
    """What gives columns."""

    @property
    def names(self) -> tuple[str, ...]:
        """One name per column."""
        ...

    def columns(self, source: Columns) -> list[FloatArray]:
        """Give the columns for a table."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """The intercept."""

    names: tuple[str, ...] = (INTERCEPT,)

    def columns(self, source: Columns) -> list[FloatArray]:
        """Give a column of ones."""
        return [source.ones]


@dataclass(frozen=True, slots=True)
class Numeric:
    """A column as it is."""

    name: Any

    @property
    def names(self) -> tuple[str, ...]:
        """The column's own name."""
        return (str(self.name),)

    def columns(self, source: Columns) -> list[FloatArray]:
        """Give the column."""
        return [source.numeric(self.name)]


@dataclass(frozen=True, slots=True)
class Category:
    """Indicators of a category's levels, all or all but the first."""

    name: Any
    levels: tuple[object, ...]
    full: bool

    @property
    def names(self) -> tuple[str, ...]:
        """``name[level]`` for all levels, ``name[T.level]`` for treatment coding."""
        if self.full:
            return tuple(f"{self.name}[{level}]" for level in self.levels)
        return tuple(f"{self.name}[T.{level}]" for level in self.levels[1:])

    def columns(self, source: Columns) -> list[FloatArray]:
        """Give the indicators; refuse a level that training did not show."""
        self.refuse_unseen(source.table[self.name])
        shown = self.levels if self.full else self.levels[1:]
        return [source.indicator(self.name, level) for level in shown]

    def recoded(self, column: pd.Series) -> pd.Series:
        """Give the column with training's levels as its categories."""
        self.refuse_unseen(column)
        labels = np.asarray(column, dtype=object)
        coded = pd.Categorical(labels, categories=list(self.levels))
        return pd.Series(coded, index=column.index)

    def refuse_unseen(self, column: pd.Series) -> None:
        """Refuse a level that training did not show."""
        require_no_missing(column, "feature")
        unseen = [u for u in column.unique() if u not in self.levels]
        if unseen:
            raise ValueError(
                f"column {self.name!r} must hold levels seen in training, got "
                f"{unseen[0]!r}; it has no estimated effect."
            )


@dataclass(frozen=True, slots=True)
class Product:
    """Products of the columns of two or more effects."""

    parts: tuple[Effect, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The parts' names joined by a colon."""
        names: tuple[str, ...] = ("",)
        for part in self.parts:
            names = tuple(f"{a}:{b}" if a else b for a in names for b in part.names)
        return names

    def columns(self, source: Columns) -> list[FloatArray]:
        """Give every product of one column per part."""
        columns = [source.ones]
        for part in self.parts:
            columns = [a * b for a in columns for b in part.columns(source)]
        return columns


@dataclass(frozen=True, slots=True)
class FormulaPart:
    """Columns of a formula, with the state formulaic learned in training."""

    spec: Any
    categories: tuple[Category, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Formulaic's column names."""
        return tuple(self.spec.column_names)

    def columns(self, source: Columns) -> list[FloatArray]:
        """Give the columns of the model matrix."""
        if len(self.names) == 0:
            return []
        table = source.table.assign(
            **{c.name: c.recoded(source.table[c.name]) for c in self.categories}
        )
        matrix = self.spec.get_model_matrix(table, na_action="raise")
        values = np.ascontiguousarray(np.asarray(matrix, dtype=np.float64).T)
        return [
            source.ones if name == INTERCEPT else numeric_values(pd.Series(row), name)
            for name, row in zip(self.names, values, strict=True)
        ]


def learn_formula(formula: str, table: pd.DataFrame) -> FormulaPart:
    """Learn a right-hand side on the training table."""
    try:
        parsed = Formula(formula)
        names = _required_variables(parsed, formula, table)
        categories = _categories(table, names)
        coded = table.assign(**{c.name: c.recoded(table[c.name]) for c in categories})
        matrix = parsed.get_model_matrix(coded, na_action="raise")
    except FormulaicError as error:
        raise ValueError(
            f"formula {formula!r} could not be read; use formulaic's grammar."
        ) from error
    return FormulaPart(matrix.model_spec, categories)


def learn_effect(name: Any, table: pd.DataFrame, *, full: bool) -> Effect:
    """Learn the effect of a column, of a product ``a:b``, or of a formula term."""
    if name in table.columns:
        return _learn_column(name, table[name], full=full)
    if isinstance(name, str):
        parts = [part.strip() for part in split_outside(name, ":")]
        if len(parts) > 1:
            coded = (learn_effect(p, table, full=full) for p in parts)
            return Product(tuple(coded))
        if "(" in name:
            return learn_formula(f"0 + {name}", table)
    hint = near_miss(name, table.columns) or "; check the name."
    raise ValueError(
        f"the model names column {name!r}, which is not in the table{hint}"
    )


def category_levels(column: pd.Series) -> tuple[object, ...]:
    """Give the levels that occur, in category order or sorted."""
    require_no_missing(column, "feature")
    if isinstance(column.dtype, pd.CategoricalDtype):
        used = set(column.unique())
        return tuple(level for level in column.cat.categories if level in used)
    return tuple(sorted(column.unique()))


def effect_names(effects: Sequence[Effect]) -> tuple[str, ...]:
    """Give the names of all columns, in order."""
    return tuple(name for effect in effects for name in effect.names)


def _learn_column(name: Any, column: pd.Series, *, full: bool) -> Effect:
    if not is_categorical(column):
        return Numeric(name)
    return Category(name, category_levels(column), full)


def _categories(table: pd.DataFrame, names: Sequence[str]) -> tuple[Category, ...]:
    return tuple(
        Category(name, category_levels(table[name]), full=True)
        for name in names
        if is_categorical(table[name])
    )


def _required_variables(
    parsed: Any, formula: str, table: pd.DataFrame
) -> Sequence[str]:
    names = sorted(map(str, parsed.required_variables))
    for name in names:
        if name not in table.columns:
            hint = near_miss(name, table.columns) or "; check the name."
            raise ValueError(
                f"formula {formula!r} names column {name!r}, which is not in the "
                f"table{hint}"
            )
    return names
