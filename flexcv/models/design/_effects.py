"""From one named effect to its numeric columns, remembered for prediction.

An effect learns on the training table what it must know later (the levels of a
category, the state of a function) and then gives the same columns for any table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import pandas as pd
from formulaic.transforms.contrasts import Contrasts

from flexcv.arrays import BoolArray, FloatArray, IntArray
from flexcv.models.design.validate import is_categorical, numeric_values
from flexcv.typing import UnknownLevels

from ._expressions import Expression
from ._levels import level_positions, level_text

INTERCEPT = "Intercept"
UNKNOWN_LEVELS = ("refuse", "zero", "missing")


class Columns:
    """Numeric columns of one table, each converted once.

    Parameters
    ----------
    table
        The rows.
    unknown_levels
        What happens to a row with a level that training did not show: ``"refuse"``
        raises; ``"zero"`` gives the column no effect, so the row counts as the average
        of training's rows over its levels; ``"missing"`` notes the row in `lost`.
    """

    def __init__(
        self, table: pd.DataFrame, unknown_levels: UnknownLevels = "refuse"
    ) -> None:
        self.table = table
        self.unknown_levels = unknown_levels
        self.ones = np.ones(len(table))
        self.lost: BoolArray = np.zeros(len(table), dtype=bool)
        self._known: dict[object, Any] = {}

    def numeric(self, name: Any) -> FloatArray:
        """Return a numeric column; the same object each time."""
        if name not in self._known:
            self._known[name] = numeric_values(self.table[name], name)
        values: FloatArray = self._known[name]
        return values

    def once(self, key: object, make: Callable[[], Any]) -> Any:
        """Return what `make` gave the first time it was asked for under this key."""
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]

    def heed_unknown(self, is_unknown: BoolArray) -> None:
        """Note rows that cannot be predicted, where they are to be missing."""
        if self.unknown_levels == "missing":
            self.lost |= is_unknown

    def predicted(self, values: FloatArray) -> FloatArray:
        """Return what was predicted of the rows, NaN for those that are lost."""
        if not self.lost.any():
            return values
        return np.where(self.lost, np.nan, values)

    def values_of(self, name: Any) -> pd.Series:
        """Return numbers as floats and labels as they are, without the index."""
        if is_categorical(self.table[name]):
            return pd.Series(np.asarray(self.table[name], dtype=object))
        return pd.Series(self.numeric(name))


class Effect(Protocol):
    """What gives columns."""

    @property
    def names(self) -> tuple[str, ...]:
        """One name per column."""
        ...

    @property
    def used(self) -> tuple[Any, ...]:
        """The table's columns that it reads."""
        ...

    def columns(self, source: Columns) -> list[FloatArray]:
        """Return the columns for a table."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    """The intercept."""

    names: tuple[str, ...] = (INTERCEPT,)
    used: tuple[Any, ...] = ()

    def columns(self, source: Columns) -> list[FloatArray]:
        """Return a column of ones."""
        return [source.ones]


@dataclass(frozen=True, slots=True)
class Numeric:
    """A column as it is."""

    name: Any

    @property
    def names(self) -> tuple[str, ...]:
        """The column's own name."""
        return (str(self.name),)

    @property
    def used(self) -> tuple[Any, ...]:
        """The column."""
        return (self.name,)

    def columns(self, source: Columns) -> list[FloatArray]:
        """Return the column."""
        return [source.numeric(self.name)]


@dataclass(frozen=True, slots=True)
class Category:
    """Indicators of a category's levels, or contrasts between them.

    Attributes
    ----------
    name
        The column, or the text of the expression that gives the labels.
    levels
        What training showed, in order.
    full
        Whether each level has a column; else contrasts have one fewer.
    label
        How the category is shown, such as ``C(k)``.
    contrasts
        formulaic's contrasts; None is treatment, each level against the first.
    labels
        The expression that gives the labels, None for a column.
    shares
        Each level's share of training's rows, which stand for a level that it did not
        show.
    """

    name: Any
    levels: tuple[object, ...]
    full: bool
    label: str
    contrasts: Contrasts | None = None
    labels: Expression | None = None
    shares: tuple[float, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """``name[level]`` for all levels, ``name[T.level]`` for treatment coding."""
        texts = [level_text(level) for level in self.levels]
        if self.full:
            return tuple(f"{self.label}[{text}]" for text in texts)
        if self.contrasts is None:
            return tuple(f"{self.label}[T.{text}]" for text in texts[1:])
        shape = self.contrasts.get_factor_format(list(self.levels), reduced_rank=True)
        fields = self.contrasts.get_coding_column_names(list(self.levels))
        shown = (level_text(field) for field in fields)
        return tuple(shape.format(name=self.label, field=field) for field in shown)

    @property
    def used(self) -> tuple[Any, ...]:
        """The column, or those that its expression reads."""
        return (self.name,) if self.labels is None else self.labels.used

    def columns(self, source: Columns) -> list[FloatArray]:
        """Return the columns; a level that training did not show has no effect."""
        if not self.full and self.contrasts is not None:
            made: list[FloatArray]
            made = source.once(
                (self.names, "contrasts"), lambda: self._contrasted(source)
            )
            return made
        shown = range(0 if self.full else 1, len(self.levels))
        return [self._indicator(source, place) for place in shown]

    def _contrasted(self, source: Columns) -> list[FloatArray]:
        assert self.contrasts is not None
        levels, codes = list(self.levels), self._codes(source)
        matrix = np.asarray(self.contrasts.get_coding_matrix(levels), dtype=np.float64)
        if self.shares:
            matrix = np.vstack([matrix, np.array(self.shares) @ matrix])
        return [np.ascontiguousarray(line[codes]) for line in matrix.T]

    def _indicator(self, source: Columns, place: int) -> FloatArray:
        """Return one where the row has the level, else zero."""
        key = (self.label, "is", self.levels[place])
        values: FloatArray = source.once(key, lambda: self._indicated(source, place))
        return values

    def _indicated(self, source: Columns, place: int) -> FloatArray:
        codes = self._codes(source)
        values: FloatArray = (codes == place).astype(np.float64)
        if self.shares:
            values[codes < 0] = self.shares[place]
        return values

    def with_shares(self, source: Columns) -> Category:
        """Return the same category, knowing how often training shows each level."""
        counts = np.bincount(self._codes(source), minlength=len(self.levels))
        return replace(self, shares=tuple((counts / counts.sum()).tolist()))

    def _codes(self, source: Columns) -> IntArray:
        key = (self.label, "codes", self.levels)
        codes: IntArray = source.once(key, lambda: self._positions(source))
        return codes

    def _positions(self, source: Columns) -> IntArray:
        column, name = self._column(source)
        refuse = source.unknown_levels == "refuse"
        places = level_positions(column, self.levels, name, refuse=refuse)
        source.heed_unknown(places < 0)
        return places

    def _column(self, source: Columns) -> tuple[pd.Series, Any]:
        """Return each row's label, and what they are labels of."""
        if self.labels is None:
            return source.table[self.name], self.name
        return pd.Series(self.labels.columns(source)[0], name=self.label), self.label


@dataclass(frozen=True, slots=True)
class Product:
    """Products of the columns of two or more effects, the first running fastest."""

    parts: tuple[Effect, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The parts' names joined by a colon."""
        names = self.parts[0].names
        for part in self.parts[1:]:
            names = tuple(f"{a}:{b}" for b in part.names for a in names)
        return names

    @property
    def used(self) -> tuple[Any, ...]:
        """What the parts read."""
        return tuple(name for part in self.parts for name in part.used)

    def columns(self, source: Columns) -> list[FloatArray]:
        """Return every product of one column per part."""
        made: list[FloatArray] = source.once(self.names, lambda: self._products(source))
        return made

    def _products(self, source: Columns) -> list[FloatArray]:
        columns = self.parts[0].columns(source)
        for part in self.parts[1:]:
            columns = [a * b for b in part.columns(source) for a in columns]
        return columns


def effect_names(effects: Sequence[Effect]) -> tuple[str, ...]:
    """Return the names of all columns, in order."""
    return tuple(name for effect in effects for name in effect.names)


def columns_used(effects: Sequence[Effect]) -> tuple[Any, ...]:
    """Return the table's columns that effects read, each once."""
    return tuple(dict.fromkeys(name for effect in effects for name in effect.used))


def categories_used(effects: Sequence[Effect]) -> set[Any]:
    """Return the columns whose levels have effects of their own."""
    parts = [p for e in effects for p in getattr(e, "parts", (e,))]
    return {name for p in parts if isinstance(p, Category) for name in p.used}
