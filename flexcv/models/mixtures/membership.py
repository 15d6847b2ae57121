"""Features of subjects that predict their component, from a table's columns."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from flexcv.arrays import FloatArray, IntArray
from flexcv.errors import RankDeficiencyWarning
from flexcv.models.design._effects import (
    INTERCEPT,
    Category,
    Columns,
    Effect,
    effect_names,
)
from flexcv.models.design._learning import learn_column


@dataclass(frozen=True, slots=True, eq=False)
class Membership:
    """How a table becomes standardised features of its subjects.

    Attributes
    ----------
    effects
        What gives the features, in order; every level of a category has one.
    centre, spread
        Of the features over training's subjects; the spread of a constant is one.
    """

    effects: tuple[Effect, ...]
    centre: FloatArray
    spread: FloatArray

    @property
    def names(self) -> tuple[str, ...]:
        """One name per feature."""
        return effect_names(self.effects)

    def of_rows(self, source: Columns) -> FloatArray:
        """Return the features of each row, shape (rows, features)."""
        if not self.effects:
            return np.zeros((len(source.table), 0))
        columns = [c for effect in self.effects for c in effect.columns(source)]
        return np.asarray((np.column_stack(columns) - self.centre) / self.spread)

    def of_subjects(
        self, source: Columns, codes: IntArray, n_subjects: int
    ) -> FloatArray:
        """Return the features of each subject; refuse those that vary within one.

        Parameters
        ----------
        source
            A table.
        codes
            The subject of each row, from 0.
        n_subjects
            How many subjects there are; those without a row get zeros, the average.
        """
        rows = self.of_rows(source)
        values = np.zeros((n_subjects, rows.shape[1]))
        values[codes] = rows
        varying = (values[codes] != rows).any(axis=0)
        if varying.any():
            name = self.names[int(varying.argmax())]
            raise ValueError(
                f"`membership` feature {name!r} must have one value per subject, got "
                "several in some; give each subject one, such as the first."
            )
        return values

    def on_columns(self, coefficients: FloatArray) -> pd.DataFrame:
        """Return coefficients (a, w) per unit of the columns, a row per component."""
        slopes = coefficients[:, 1:] / self.spread
        level = coefficients[:, 0] - slopes @ self.centre
        return pd.DataFrame(
            np.column_stack([level, slopes]),
            pd.RangeIndex(len(level), name="cluster"),
            [INTERCEPT, *self.names],
        )


def learn_membership(
    names: Sequence[Any], source: Columns, codes: IntArray, n_subjects: int
) -> Membership:
    """Learn features and their scales; warn of those that do not vary.

    Parameters
    ----------
    names
        The columns.
    source
        The training table.
    codes
        The subject of each row, from 0.
    n_subjects
        How many subjects there are.
    """
    effects = tuple(_effect(name, source) for name in names)
    width = len(effect_names(effects))
    raw = Membership(effects, np.zeros(width), np.ones(width))
    values = raw.of_subjects(source, codes, n_subjects)
    flat = np.ptp(values, axis=0) == 0.0
    if flat.any():
        constant = [
            name for name, is_flat in zip(raw.names, flat, strict=True) if is_flat
        ]
        warnings.warn(
            f"`membership` features {constant} are the same for every subject and "
            "tell nothing; remove them to silence this.",
            RankDeficiencyWarning,
            stacklevel=4,
        )
    return Membership(
        effects, values.mean(axis=0), np.where(flat, 1.0, values.std(axis=0))
    )


def _effect(name: Any, source: Columns) -> Effect:
    """Learn a column; every level of a category counts, lest the first be special."""
    effect = learn_column(name, source, polynomial=False)
    return replace(effect, full=True) if isinstance(effect, Category) else effect
