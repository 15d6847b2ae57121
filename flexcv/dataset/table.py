"""One table and the role of each of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from flexcv._checks import listed
from flexcv._secrets import redact
from flexcv.arrays import FloatArray, IntArray

from .task import REGRESSION, Task
from .weighting import Reach, Weights


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Hold features, target, groups, slopes and extra columns of the same rows.

    Build one with `make_dataset`, which checks and aligns what a user has.

    Parameters
    ----------
    features
        The columns that models learn from, shape (n_rows, n_features).
    target
        What is predicted: numbers, or classes as a category, shape (n_rows,).
    groups
        One column per grouping factor, or None. The first one splits.
    slopes
        Names of features whose effect may differ between groups.
    name
        A name for the table, shown in results.
    is_array
        Whether the features came as an array, so models get one too.
    task
        Whether the target is a number or a class; `with_task` sets it.
    extra
        Columns that splitters see and no model does, such as a date, or None.
    weights
        A weight for each row and what it reaches, or None.
    positive
        The positive one of two classes, as the user said it; None is the last.

    Examples
    --------
    >>> from flexcv.dataset import make_dataset
    >>> data = make_dataset({"x": [1.0, 2.0, 3.0]}, [0.1, 0.2, 0.3])
    >>> len(data), data.take(np.array([0, 2])).target.tolist()
    (3, [0.1, 0.3])
    """

    features: pd.DataFrame
    target: pd.Series[Any]
    groups: pd.DataFrame | None = None
    slopes: tuple[str, ...] = ()
    name: str = ""
    is_array: bool = False
    task: Task = REGRESSION
    extra: pd.DataFrame | None = None
    weights: Weights | None = None
    positive: Any = None

    def __len__(self) -> int:
        return len(self.features)

    def take(self, rows: IntArray) -> Dataset:
        """Keep the given rows, in the given order.

        Parameters
        ----------
        rows
            Positions in this dataset; they may repeat.
        """
        return Dataset(
            self.features.iloc[rows],
            self.target.iloc[rows],
            None if self.groups is None else self.groups.iloc[rows],
            self.slopes,
            self.name,
            self.is_array,
            self.task,
            None if self.extra is None else self.extra.iloc[rows],
            None if self.weights is None else self.weights.take(rows),
            self.positive,
        )

    def weights_for(self, purpose: Reach, rows: IntArray) -> FloatArray | None:
        """Return the weights of some rows; None where there are none for the purpose.

        Parameters
        ----------
        purpose
            ``"fit"``, ``"objective"`` or ``"scores"``.
        rows
            Positions in this dataset.
        """
        return None if self.weights is None else self.weights.of(purpose, rows)

    def with_task(self, task: Task) -> Dataset:
        """Return the dataset with its task set, and a target of classes as a category.

        Parameters
        ----------
        task
            From `decide_task`.
        """
        if self.task == task:
            return self
        if not task.is_classification:
            return replace(self, task=task)
        target = self.target
        if isinstance(target.dtype, pd.CategoricalDtype):
            target = target.cat.remove_unused_categories()
        classes = pd.Categorical(target, list(task.classes), ordered=False)
        target = pd.Series(classes, index=target.index, name=target.name)
        return replace(self, target=target, task=task)

    @property
    def numbers(self) -> FloatArray:
        """The target as numbers; classes are counted from 0."""
        if self.task.is_classification:
            return np.asarray(self.target.cat.codes, dtype=float)
        return self.target.to_numpy(dtype=float)

    def table(self, group_names: Sequence[str] = ()) -> pd.DataFrame:
        """Return the features, followed by the grouping columns asked for."""
        if not group_names:
            return self.features
        assert self.groups is not None, "grouping columns asked of a table without any"
        return pd.concat([self.features, self.groups[list(group_names)]], axis=1)

    def whole_table(self) -> pd.DataFrame:
        """Return all columns but the target: features, grouping columns, extra ones."""
        table = self.table(self.group_names)
        return table if self.extra is None else pd.concat([table, self.extra], axis=1)

    @property
    def extra_names(self) -> tuple[str, ...]:
        """Names of the columns that no model sees; empty without any."""
        return () if self.extra is None else tuple(self.extra.columns)

    @property
    def group_names(self) -> tuple[str, ...]:
        """Names of the grouping columns; empty without groups."""
        return () if self.groups is None else tuple(self.groups.columns)

    @property
    def splitting_groups(self) -> pd.Series[Any] | None:
        """The grouping column that splitters see: the first one."""
        return None if self.groups is None else self.groups.iloc[:, 0]

    def group_codes(self) -> IntArray | None:
        """Return each row the number of its splitting group, or None without groups."""
        labels = self.splitting_groups
        return None if labels is None else pd.factorize(labels)[0].astype(np.intp)

    def __repr__(self) -> str:
        title = f" {redact(self.name)!r}" if self.name else ""
        parts = [f"{len(self)} rows", f"{self.features.shape[1]} features"]
        labels = self.splitting_groups
        if labels is not None:
            parts.append(f"{labels.nunique()} groups by {labels.name!r}")
        if self.slopes:
            parts.append(f"slopes {listed(self.slopes)}")
        if self.extra is not None:
            parts.append(f"extra {listed(self.extra_names)}")
        if self.weights is not None:
            parts.append(f"weights in {' and '.join(self.weights.reach)}")
        kind = ""
        if self.task.is_classification:
            kind = f" of {len(self.task.classes)} classes"
        if self.positive is not None:
            kind += f", positive {self.positive!r}"
        target = f"target {self.target.name!r}{kind}"
        return f"<Dataset{title}: {target}, {', '.join(parts)}>"
