"""Rows for a network: scaled features, rows kept apart, and batches of whole groups."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from flexcv.arrays import FloatArray, IntArray
from flexcv.models.design._levels import by_appearance
from flexcv.models.design.columns import RandomFactor

FEWEST_HELD_OUT = 10  # fewer rows tell nothing about an epoch
STEPS_PER_EPOCH = 32  # wanted of an automatic batch size
SMALLEST_BATCH, LARGEST_BATCH = 32, 512
STEPS = 2400  # wanted of an automatic number of epochs
FEWEST_EPOCHS, MOST_EPOCHS = 20, 80
LONGEST_GROUP = 4  # groups of more batches than this are not kept whole


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """Centre and spread of columns; a constant column is only centred.

    Attributes
    ----------
    centre, spread
        One number per column.
    """

    centre: FloatArray
    spread: FloatArray

    def scaled(self, columns: Sequence[FloatArray]) -> FloatArray:
        """Return the scaled columns side by side, shape (n_rows, n_columns)."""
        return (np.column_stack(columns) - self.centre) / self.spread


class Batch(NamedTuple):
    """Rows of one step.

    Attributes
    ----------
    rows
        Their positions; rows of a level stand together in a batch of whole groups.
    starts, levels
        The first row of each level and its code; empty in a batch of loose rows.
    """

    rows: IntArray
    starts: IntArray
    levels: IntArray


@dataclass(frozen=True, slots=True, eq=False)
class WholeGroups:
    """Batches of whole groups, at least `size` rows each, in a new order every epoch.

    Attributes
    ----------
    order
        The rows sorted by level, the levels as they appear.
    counts
        How many rows each of these levels has.
    codes
        Which level each of them is.
    size
        Rows wanted in a batch.
    """

    order: IntArray
    counts: IntArray
    codes: IntArray
    size: int

    def epoch(self, generator: np.random.Generator) -> Iterator[Batch]:
        """Return every row once."""
        levels = generator.permutation(len(self.counts))
        counts = self.counts[levels]
        ends = np.cumsum(counts)
        firsts = (np.cumsum(self.counts) - self.counts)[levels]
        starts = ends - counts
        rows = self.order[np.repeat(firsts - starts, counts) + np.arange(ends[-1])]
        # A group belongs to the batch in which it begins.
        cuts = np.flatnonzero(np.diff(starts // self.size)) + 1
        if len(cuts) and ends[-1] - starts[cuts[-1]] < self.size // 2:
            cuts = cuts[:-1]
        edges = [0, *cuts, len(levels)]
        for begin, end in itertools.pairwise(edges):
            inside = slice(starts[begin], ends[end - 1])
            part = slice(begin, end)
            of_batch = self.codes[levels[part]]
            yield Batch(rows[inside], starts[part] - starts[begin], of_batch)


@dataclass(frozen=True, slots=True, eq=False)
class LooseRows:
    """Batches of rows drawn without regard to groups.

    Attributes
    ----------
    rows
        The rows to draw from.
    size
        Rows wanted in a batch.
    """

    rows: IntArray
    size: int

    def epoch(self, generator: np.random.Generator) -> Iterator[Batch]:
        """Return every row once."""
        nothing = np.zeros(0, dtype=np.intp)
        n_batches = max(1, round(len(self.rows) / self.size))
        for rows in np.array_split(generator.permutation(self.rows), n_batches):
            yield Batch(rows, nothing, nothing)


Batches = WholeGroups | LooseRows


def learn_scale(
    columns: Sequence[FloatArray], weights: FloatArray | None = None
) -> Scale:
    """Learn centre and spread of each column, rows weighted.

    Examples
    --------
    >>> learn_scale([np.array([1.0, 3.0]), np.array([5.0, 5.0])]).spread
    array([1., 1.])
    """
    if weights is None:
        centre = np.array([column.mean() for column in columns])
        spread = np.array([column.std() for column in columns])
    else:
        share = weights / weights.sum()
        centre = np.array([share @ column for column in columns])
        squares = [share @ (c - m) ** 2 for c, m in zip(columns, centre, strict=True)]
        spread = np.sqrt(squares)
    rounding = 1e-12 * np.maximum(np.abs(centre), np.finfo(float).tiny)
    return Scale(centre, np.where(spread > rounding, spread, 1.0))


def make_batches(factors: Sequence[RandomFactor], rows: IntArray, size: int) -> Batches:
    """Keep groups whole where there is one factor and no group is much too long.

    Parameters
    ----------
    factors
        The grouping factors.
    rows
        The rows to learn from.
    size
        Rows wanted in a batch.

    Examples
    --------
    >>> make_batches((), np.arange(5), 2).rows
    array([0, 1, 2, 3, 4])
    """
    if len(factors) != 1:
        return LooseRows(rows, size)
    codes = factors[0].codes[rows]
    seen = by_appearance(codes)
    counts = np.bincount(seen)
    if counts.max() > LONGEST_GROUP * size:
        return LooseRows(rows, size)
    order = np.argsort(seen, kind="stable")
    firsts = np.cumsum(counts) - counts
    return WholeGroups(rows[order], counts, codes[order[firsts]], size)


def automatic_batch_size(n_rows: int) -> int:
    """Return the batch size that makes about 32 steps an epoch, 32 to 512 rows.

    Examples
    --------
    >>> automatic_batch_size(100), automatic_batch_size(8000)
    (32, 250)
    """
    return int(np.clip(n_rows // STEPS_PER_EPOCH, SMALLEST_BATCH, LARGEST_BATCH))


def automatic_epochs(n_rows: int, size: int) -> int:
    """Return the number of epochs that makes about 2400 steps, 20 to 80.

    Examples
    --------
    >>> automatic_epochs(100, 32), automatic_epochs(80_000, 512)
    (80, 20)
    """
    steps = max(1, n_rows // size)
    return int(np.clip(STEPS // steps, FEWEST_EPOCHS, MOST_EPOCHS))


def split_rows(
    n_rows: int, fraction: float, generator: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Keep a share of the rows apart; a share of fewer than ten rows is none.

    Examples
    --------
    >>> kept, apart = split_rows(100, 0.1, np.random.default_rng(0))
    >>> len(kept), len(apart)
    (90, 10)
    """
    n_apart = round(fraction * n_rows)
    if n_apart < FEWEST_HELD_OUT:
        return np.arange(n_rows), np.zeros(0, dtype=np.intp)
    order = generator.permutation(n_rows)
    return np.sort(order[n_apart:]), np.sort(order[:n_apart])


def split_groups(
    factor: RandomFactor, fraction: float, generator: np.random.Generator
) -> tuple[IntArray, IntArray]:
    """Keep a share of the groups apart, with all of their rows."""
    n_apart = max(1, round(fraction * factor.n_levels))
    if factor.n_levels - n_apart < 2:
        raise ValueError(
            "`early_stopping='groups'` must leave at least two groups to learn from, "
            f"got {factor.n_levels} groups of which {n_apart} would be kept apart; "
            "use 'rows'."
        )
    chosen = generator.choice(factor.n_levels, n_apart, replace=False)
    apart = np.isin(by_appearance(factor.codes), chosen)
    return np.flatnonzero(~apart), np.flatnonzero(apart)
