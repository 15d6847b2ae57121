"""From a table to numbers: fixed columns, random columns and group codes.

What must be known at prediction (levels, dummy coding, formula state) is learned
once and kept apart from the numbers of one table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from flexcv.arrays import BoolArray, FloatArray, IntArray
from flexcv.models.design.validate import require_no_missing

from ._effects import Columns, Constant, Effect, Numeric, columns_used, effect_names
from ._learning import FixedEffects, learn_column, learn_formula, learn_slopes
from .group_levels import learn_levels
from .labels import (
    ColumnLabels,
    are_of_one_kind,
    level_codes,
    plain_index,
    warn_of_strangers,
)
from .terms import RandomTerm, merged, uncorrelated_parts


@dataclass(frozen=True, slots=True, eq=False)
class RandomFactor:
    """The numbers of one grouping factor.

    Attributes
    ----------
    name
        The group, ``a:b`` for an interaction.
    levels
        The labels that training showed, one per code, in the order of its rows.
    codes
        One code per row; -1 marks a level that training did not show.
    columns
        One array per random effect.
    names
        One name per random effect.
    blocks
        Sizes of the sets of effects that are correlated among each other.
    """

    name: str
    levels: pd.Index
    codes: IntArray
    columns: tuple[FloatArray, ...]
    names: tuple[str, ...]
    blocks: tuple[int, ...]

    @property
    def n_levels(self) -> int:
        """How many levels training showed."""
        return len(self.levels)

    @property
    def n_effects(self) -> int:
        """How many effects each level has."""
        return len(self.columns)


@dataclass(frozen=True, slots=True, eq=False)
class RandomDesign:
    """The random part of one table, a record per grouping factor."""

    factors: tuple[RandomFactor, ...]
    n_rows: int

    def __len__(self) -> int:
        return self.n_rows

    def with_unknown_levels(self) -> RandomDesign:
        """Return the same design as if no level were known."""
        factors = (
            replace(factor, codes=np.full(self.n_rows, -1)) for factor in self.factors
        )
        return RandomDesign(tuple(factors), self.n_rows)

    def effects_sum(self, effects: Sequence[FloatArray]) -> FloatArray:
        """Return Z b row by row, zero where the level is unknown.

        Parameters
        ----------
        effects
            Per factor an array of shape (levels, effects).
        """
        total = np.zeros(self.n_rows)
        for factor, values in zip(self.factors, effects, strict=True):
            padded = np.vstack([values, np.zeros(factor.n_effects)])
            for column, effect in zip(factor.columns, padded.T, strict=True):
                total += column * effect[factor.codes]
        return total


@dataclass(frozen=True, slots=True)
class FixedEncoder:
    """How a table becomes the fixed columns.

    Attributes
    ----------
    effects
        What gives the columns, in order.
    offsets
        What is added to the fixed part with coefficient one.
    """

    effects: tuple[Effect, ...]
    offsets: tuple[Effect, ...] = ()

    @property
    def used(self) -> tuple[Any, ...]:
        """The table's columns that it reads."""
        return columns_used((*self.effects, *self.offsets))

    @property
    def names(self) -> tuple[str, ...]:
        """One name per fixed column."""
        return effect_names(self.effects)

    def columns(self, source: Columns) -> list[FloatArray]:
        """Return the fixed columns of a table."""
        return [c for effect in self.effects for c in effect.columns(source)]

    @property
    def is_of_numbers(self) -> bool:
        """Whether it is an intercept and columns of the table as they are."""
        first, *others = self.effects or (None,)
        plain = all(isinstance(effect, Numeric) for effect in others)
        return isinstance(first, Constant) and plain and not self.offsets

    def places(self, effects: Sequence[Effect]) -> tuple[int, ...] | None:
        """Return which fixed columns effects are, where all of them are some.

        Parameters
        ----------
        effects
            Of a random term.
        """
        if not all(effect in self.effects for effect in effects):
            return None
        return tuple(self.effects.index(effect) for effect in effects)

    def offset(self, source: Columns) -> FloatArray:
        """Return the sum of what is added with coefficient one."""
        total = np.zeros(len(source.table))
        for effect in self.offsets:
            total += effect.columns(source)[0]
        return total


@dataclass(frozen=True, slots=True, eq=False)
class FactorEncoder:
    """How a table becomes the random columns and codes of one factor.

    Attributes
    ----------
    name
        The group, ``a:b`` for an interaction.
    group_columns
        The columns that hold its labels.
    levels
        The labels that training showed, one per code, in the order of its rows.
    listed
        Codes in the order in which tables list the levels.
    effects
        What gives the random columns, a tuple for each set of correlated ones.
    """

    name: str
    group_columns: tuple[Any, ...]
    levels: pd.Index
    listed: IntArray
    effects: tuple[tuple[Effect, ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """One name per random effect."""
        return tuple(n for block in self.effects for n in effect_names(block))

    def factor(self, source: Columns, codes: IntArray | None = None) -> RandomFactor:
        """Return the numbers for a table; training passes the codes it made."""
        parts = [
            [c for effect in block for c in effect.columns(source)]
            for block in self.effects
        ]
        return RandomFactor(
            name=self.name,
            levels=self.levels,
            codes=self._codes(source.table) if codes is None else codes,
            columns=tuple(column for part in parts for column in part),
            names=self.names,
            blocks=tuple(len(part) for part in parts),
        )

    def with_own_levels(self, source: Columns) -> RandomFactor:
        """Return the numbers for a table whose levels count as new, all of them."""
        own = learn_levels(source.table, self.group_columns)
        return replace(self.factor(source, own.codes), levels=own.labels)

    def listing(self, values: FloatArray) -> pd.DataFrame:
        """Return values of shape (levels, effects) as a table that lists the levels."""
        index = self.levels[self.listed]
        return pd.DataFrame(values[self.listed], index=index, columns=self.names)

    def with_levels(self, kept: BoolArray) -> FactorEncoder:
        """Return the encoder of a table that shows only these levels.

        Parameters
        ----------
        kept
            Of each level whether it is shown, shape (levels,).
        """
        places = np.cumsum(kept) - 1
        listed = places[self.listed[kept[self.listed]]]
        return replace(self, levels=self.levels[kept], listed=listed)

    def column_labels(self, table: pd.DataFrame) -> list[ColumnLabels]:
        """Return the labels of each grouping column, in a table and in training."""
        return [
            ColumnLabels(name, plain_index(table[name].unique()), known)
            for name, known in zip(self.group_columns, self._labels(), strict=True)
        ]

    def _labels(self) -> list[pd.Index]:
        levels = self.levels
        return list(levels.levels if isinstance(levels, pd.MultiIndex) else [levels])

    def _codes(self, table: pd.DataFrame) -> IntArray:
        for name in self.group_columns:
            require_no_missing(table[name], "grouping")
        if len(self.group_columns) == 1:
            return level_codes(table[self.group_columns[0]], self.levels)
        combined = np.zeros(len(table), dtype=np.intp)
        known = np.zeros(len(self.levels), dtype=np.intp)
        missing = np.zeros(len(table), dtype=bool)
        for position, labels in enumerate(self._labels()):
            name = self.group_columns[position]
            codes = level_codes(table[name], labels)
            missing |= codes < 0
            combined = combined * len(labels) + codes
            known = known * len(labels) + self.levels.codes[position]  # type: ignore[attr-defined]
        found = pd.Index(known).get_indexer(pd.Index(combined))
        found[missing] = -1
        return found


@dataclass(frozen=True, slots=True)
class RandomEncoder:
    """How a table becomes its random part."""

    factors: tuple[FactorEncoder, ...]

    @property
    def used(self) -> tuple[Any, ...]:
        """The table's columns that it reads."""
        groups = (name for factor in self.factors for name in factor.group_columns)
        blocks = (block for factor in self.factors for block in factor.effects)
        return (*groups, *(name for block in blocks for name in columns_used(block)))

    def design(self, source: Columns) -> RandomDesign:
        """Return the random design of a table with known and unknown levels."""
        made = tuple(encoder.factor(source) for encoder in self.factors)
        return RandomDesign(made, len(source.table))

    def with_levels(self, kept: Sequence[BoolArray]) -> RandomEncoder:
        """Return the encoder of a table that shows only these levels of each factor."""
        pairs = zip(self.factors, kept, strict=True)
        return RandomEncoder(tuple(factor.with_levels(own) for factor, own in pairs))

    def redrawn(self, source: Columns) -> RandomDesign:
        """Return the random design of a table whose levels are all new, and its own."""
        made = tuple(encoder.with_own_levels(source) for encoder in self.factors)
        return RandomDesign(made, len(source.table))

    def warn_of_strangers(self, table: pd.DataFrame, design: RandomDesign) -> None:
        """Warn when no row has a known level of any factor.

        Or none of a factor whose labels are of another kind than in training.
        """
        lost = [
            encoder.column_labels(table)
            for encoder, factor in zip(self.factors, design.factors, strict=True)
            if len(factor.codes) and factor.codes.max() < 0
        ]
        if not lost:
            return
        told = {column.name: column for labels in lost for column in labels}
        if len(lost) < len(self.factors):
            told = {
                name: labels
                for name, labels in told.items()
                if not are_of_one_kind(labels.here, labels.known)
            }
        if told:
            warn_of_strangers(list(told.values()))


def learn_fixed(
    table: pd.DataFrame | Columns,
    *,
    leave_out: Sequence[Any] = (),
    formula: str | None = None,
    polynomial: bool = False,
) -> FixedEncoder:
    """Learn the fixed part: an intercept and every column not left out.

    Parameters
    ----------
    table
        The training table.
    leave_out
        Columns with another role: groups, weights, offset.
    formula
        A right-hand side that replaces "every column".
    polynomial
        Whether ordered categories are coded by polynomials, as in a formula.

    Examples
    --------
    >>> table = pd.DataFrame({"x": [1.0, 2.0], "f": ["a", "b"], "g": ["u", "v"]})
    >>> learn_fixed(table, leave_out=["g"]).names
    ('Intercept', 'x', 'f[T.b]')
    >>> learn_fixed(table, formula="x * f").names
    ('Intercept', 'x', 'f[T.b]', 'x:f[T.b]')
    """
    source = table if isinstance(table, Columns) else Columns(table)
    left_out = set(leave_out)
    kept = [name for name in source.table.columns if name not in left_out]
    if formula is not None:
        learnt: FixedEffects = learn_formula(formula, source, kept)
        return FixedEncoder(learnt.effects, learnt.offsets)
    effects = (learn_column(name, source, polynomial=polynomial) for name in kept)
    return FixedEncoder((Constant(), *effects))


def learn_random(
    source: Columns, terms: Sequence[RandomTerm]
) -> tuple[RandomEncoder, RandomDesign]:
    """Learn the random part and give its numbers for the training table.

    Factors are ordered by their number of levels, the largest first, as in lme4.

    Examples
    --------
    >>> table = pd.DataFrame({"x": [1.0, 2.0, 3.0], "g": ["b", "a", "b"]})
    >>> encoder, design = learn_random(Columns(table), [RandomTerm("g", ("x",))])
    >>> design.factors[0].names, list(design.factors[0].levels)
    (('Intercept', 'x'), ['b', 'a'])
    """
    encoders, factors = [], []
    for same_group in merged(terms):
        codes, levels, listed = learn_levels(source.table, same_group[0].columns)
        parts = [p for term in same_group for p in uncorrelated_parts(term)]
        blocks = tuple(
            learn_slopes(part.slopes, part.intercept, source) for part in parts
        )
        name, columns = same_group[0].group_name, same_group[0].columns
        encoder = FactorEncoder(name, columns, levels, listed, blocks)
        encoders.append(encoder)
        factors.append(encoder.factor(source, codes))
    order = sorted(range(len(factors)), key=lambda k: -factors[k].n_levels)
    return (
        RandomEncoder(tuple(encoders[k] for k in order)),
        RandomDesign(tuple(factors[k] for k in order), len(source.table)),
    )
