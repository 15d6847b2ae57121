"""Simulated tables in groups with a known truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

FloatArray = np.ndarray
NEW_GROUP = 10_000  # labels from here on are unknown to training


@dataclass(frozen=True, slots=True)
class Design:
    """A way to draw tables.

    Parameters
    ----------
    name
        For the reader.
    fixed
        The fixed part, a function of the features.
    n_groups, n_rows
        Groups, and training rows of each; unbalanced when a range is given.
    intercept, slope
        Variances of the group intercepts and of the slopes of the first feature.
    n_features, noise
        How many features, and the noise variance.
    """

    name: str
    fixed: Callable[[FloatArray], FloatArray]
    n_groups: int = 100
    n_rows: int | tuple[int, int] = 10
    intercept: float = 1.0
    slope: float = 0.0
    n_features: int = 3
    noise: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """A table with its target and the random part of each row."""

    table: pd.DataFrame
    target: FloatArray
    random: FloatArray

    @property
    def features(self) -> pd.DataFrame:
        """The table without the groups."""
        return self.table.drop(columns="group")


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """Training rows, new rows of known groups and rows of new groups."""

    train: Drawn
    known: Drawn
    new: Drawn


def gentle(x: FloatArray) -> FloatArray:
    """Return a fixed part that a forest of a thousand rows learns well."""
    return 1.5 * np.tanh(2.0 * x[:, 0]) + 1.0 * (x[:, 1] > 0.0)


def rough(x: FloatArray) -> FloatArray:
    """Return jumps, a square and an interaction with a pole: hard to learn."""
    pole = np.log(np.abs(x[:, 0]))
    return 2.0 * x[:, 0] + x[:, 1] ** 2 + 4.0 * (x[:, 2] > 0.0) + 2.0 * x[:, 2] * pole


def five_of_nine(x: FloatArray) -> FloatArray:
    """Return a fixed part in which five features matter, not linearly."""
    bend = x[:, 1] ** 2 + 4.0 * (x[:, 2] > 0.0)
    return 2.0 * x[:, 0] + bend + 2.0 * x[:, 3] * np.log(np.abs(x[:, 0])) + x[:, 4] ** 2


def draw(design: Design, seed: int, n_test: int = 20) -> Draw:
    """Draw one table and its test rows."""
    rng = np.random.default_rng(seed)
    effects = _effects(design, design.n_groups, rng)
    sizes = _sizes(design, rng)
    groups = np.arange(design.n_groups)
    train = _rows(design, np.repeat(groups, sizes), effects, rng)
    known = _rows(design, np.repeat(groups, n_test), effects, rng)
    others = _effects(design, design.n_groups, rng)
    new = _rows(design, np.repeat(groups, n_test), others, rng)
    table = new.table.assign(group=new.table["group"] + NEW_GROUP)
    return Draw(train, known, Drawn(table, new.target, new.random))


def _sizes(design: Design, rng: np.random.Generator) -> FloatArray:
    if isinstance(design.n_rows, int):
        return np.full(design.n_groups, design.n_rows)
    low, high = design.n_rows
    return rng.integers(low, high + 1, design.n_groups)


def _effects(design: Design, n: int, rng: np.random.Generator) -> FloatArray:
    scale = np.sqrt([design.intercept, design.slope])
    return rng.normal(size=(n, 2)) * scale


def _rows(
    design: Design, groups: FloatArray, effects: FloatArray, rng: np.random.Generator
) -> Drawn:
    x = rng.normal(size=(len(groups), design.n_features))
    random = effects[groups, 0] + effects[groups, 1] * x[:, 0]
    noise = np.sqrt(design.noise) * rng.normal(size=len(groups))
    names = [f"x{k + 1}" for k in range(design.n_features)]
    table = pd.DataFrame(x, columns=names).assign(group=groups)
    return Drawn(table, design.fixed(x) + random + noise, random)
