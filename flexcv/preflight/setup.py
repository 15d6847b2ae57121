"""What checks look at, each thing about a table found out once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from flexcv.arrays import FloatArray, IntArray
from flexcv.dataset import Dataset
from flexcv.evaluation import ScalingSettings
from flexcv.metrics import Metric
from flexcv.model_mapping import ModelSpec
from flexcv.resampling import Plan

from .kinds import LABEL, NUMBER, OTHER, WHOLE, kind_of

Told: TypeAlias = Iterator[tuple[str, str]]  # level and message
SAMPLED = 10_000  # rows on which likeness to the target is measured


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """Something worth knowing before a run.

    Parameters
    ----------
    name
        The name that silences it.
    level
        ``"stop"``, ``"warn"`` or ``"note"``.
    message
        One sentence.
    """

    name: str
    level: str
    message: str


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """The distinct values of a column and where they stand.

    Attributes
    ----------
    codes
        Each row's place among the values, shape (n_rows,).
    shown
        The distinct values, a missing one among them.
    """

    codes: IntArray
    shown: pd.Index

    def __len__(self) -> int:
        return len(self.shown)

    @property
    def sizes(self) -> IntArray:
        """Count the rows of each value."""
        return np.bincount(self.codes, minlength=len(self.shown))


@dataclass(frozen=True, eq=False)
class Setup:
    """All that the checks look at.

    Parameters
    ----------
    dataset
        The table.
    plan
        Its folds.
    specs
        The models.
    scaling
        Whether features are scaled in the outer and inner loops.
    metrics
        What is scored.
    """

    dataset: Dataset
    plan: Plan
    specs: tuple[ModelSpec, ...]
    scaling: ScalingSettings
    metrics: tuple[Metric, ...] = ()

    @property
    def is_tuned(self) -> bool:
        """Return whether any model is tuned, or its threshold chosen, inside."""
        return any(spec.looks_inside for spec in self.specs)

    @property
    def uses_groups(self) -> bool:
        """Return whether any model, or a variant of one, reads groups."""
        return any(spec.consumes_groups or spec.variants for spec in self.specs)

    @cached_property
    def kinds(self) -> dict[Any, str]:
        """Say of each feature what it holds: numbers, whole ones, labels or dates."""
        features = self.dataset.features
        return {name: kind_of(features[name]) for name in features.columns}

    def named(self, *kinds: str) -> list[Any]:
        """Return the features of these kinds, in the order of the table."""
        return [name for name, kind in self.kinds.items() if kind in kinds]

    @property
    def features(self) -> pd.DataFrame:
        """Return the features whose equal values can be found."""
        features = self.dataset.features
        others = self.named(OTHER)
        return features.drop(columns=others) if others else features

    @cached_property
    def levels(self) -> dict[Any, Levels]:
        """The levels of each feature that holds labels or whole numbers."""
        features = self.dataset.features
        return {name: levels_of(features[name]) for name in self.named(LABEL, WHOLE)}

    @cached_property
    def group_levels(self) -> dict[Any, Levels]:
        """The levels of each grouping column."""
        groups = self.dataset.groups
        if groups is None:
            return {}
        return {name: levels_of(groups[name]) for name in groups.columns}

    @cached_property
    def sample(self) -> IntArray:
        """Rows spread evenly over the table, in their order."""
        n_rows = len(self.dataset)
        return np.unique(np.linspace(0, n_rows - 1, min(n_rows, SAMPLED)).astype(int))

    @cached_property
    def numbers(self) -> dict[Any, FloatArray]:
        """The values of each feature that holds numbers, missing ones as NaN."""
        features = self.dataset.features
        return {
            name: features[name].to_numpy(dtype=float, na_value=np.nan)
            for name in self.named(NUMBER, WHOLE)
        }


Check: TypeAlias = Callable[[Setup], Told]


def levels_of(column: pd.Series[Any]) -> Levels:
    """Return the distinct values of a column in the order in which rows show them."""
    codes, values = pd.factorize(column, use_na_sentinel=False)
    return Levels(np.asarray(codes, dtype=np.intp), pd.Index(values))
