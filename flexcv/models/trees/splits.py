"""The best split of each node by one binned feature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from flexcv.arrays import BoolArray, FloatArray, IntArray

from .monotone import LEAF

LEAST_GAIN = 1e-10  # relative to the node's sum of squares; less is rounding


@dataclass(frozen=True, slots=True)
class TreeShape:
    """How far a tree may grow.

    Attributes
    ----------
    max_depth
        The most questions on the way to a leaf.
    max_leaf_nodes
        The most leaves; None has no limit of its own.
    min_samples_leaf
        The fewest rows of a leaf.
    l2
        Rows of gradient zero that each leaf is thought to hold besides its own.
    directions
        Per feature 1 where its splits must rise, -1 where they must fall; None
        leaves all free.
    """

    max_depth: int
    max_leaf_nodes: int | None
    min_samples_leaf: int
    l2: float
    directions: IntArray | None = None


class Splits(NamedTuple):
    """The best split of each node of a level; a gain of zero is none."""

    gain: FloatArray
    feature: IntArray
    split: IntArray
    missing_left: BoolArray

    def better(self, other: Splits, least: FloatArray) -> Splits:
        """Take the other split where it gains more, by what is no rounding."""
        wins = other.gain > self.gain + least
        return Splits(*(np.where(wins, o, s) for s, o in zip(self, other, strict=True)))


def no_splits(n_nodes: int) -> Splits:
    """Return leaves."""
    nothing = np.zeros(n_nodes, dtype=np.intp)
    return Splits(np.zeros(n_nodes), nothing + LEAF, nothing, nothing > 0)


class Cells(NamedTuple):
    """What the bins of one feature hold in each node, or what lies left of each bin.

    Attributes
    ----------
    sums
        Of the gradient.
    counts
        Of the rows.
    masses
        Of their weights; the counts themselves where rows have none.
    """

    sums: FloatArray
    counts: IntArray
    masses: IntArray | FloatArray

    def left_of(self) -> Cells:
        """Sum up from the first bin to each, missing values left out."""
        counts = self.counts[:, :-1].cumsum(axis=1)
        is_plain = self.masses is self.counts
        masses = counts if is_plain else self.masses[:, :-1].cumsum(axis=1)
        return Cells(self.sums[:, :-1].cumsum(axis=1), counts, masses)

    def last(self) -> Cells:
        """Keep the last column."""
        counts = self.counts[:, -1:]
        masses = counts if self.masses is self.counts else self.masses[:, -1:]
        return Cells(self.sums[:, -1:], counts, masses)

    def plus(self, other: Cells) -> Cells:
        """Add what other cells hold."""
        counts = self.counts + other.counts
        masses = counts if self.masses is self.counts else self.masses + other.masses
        return Cells(self.sums + other.sums, counts, masses)


def best_of_feature(
    feature: int, cells: Cells, shape: TreeShape, least: FloatArray
) -> Splits:
    """Find the best bin after which to split, with missing values on either side.

    Parameters
    ----------
    feature
        Its place.
    cells
        Its bins in each node, shape (nodes, bins), the last bin that of missing values.
    shape
        How far trees may grow, and whether splits on this feature must rise or fall.
    least
        Per node the gain that is no rounding.
    """
    n_nodes = len(cells.counts)
    sign = 0 if shape.directions is None else int(shape.directions[feature])
    left, absent = cells.left_of(), cells.last()
    whole = left.last().plus(absent)
    any_absent = bool(absent.counts.any())
    n_whole = whole.counts[:, 0]
    best = no_splits(n_nodes)
    for missing_left in (False, True):
        if missing_left:
            if not any_absent:
                break
            left = left.plus(absent)
        gain = _gains(left, whole, shape, sign)
        most = gain.max(axis=1)
        split = (gain >= (most - least)[:, None]).argmax(axis=1)
        side = np.full(n_nodes, missing_left)
        if not any_absent:  # a value missing later goes with the majority
            side = 2 * left.counts[np.arange(n_nodes), split] >= n_whole
        found = Splits(most, np.full(n_nodes, feature), split, side)
        best = best.better(found, least)
    return best


def _gains(left: Cells, whole: Cells, shape: TreeShape, sign: int) -> FloatArray:
    """Return by how much each split lowers the squared error; zero where forbidden."""
    n_right = whole.counts - left.counts
    forbidden = np.minimum(left.counts, n_right) < shape.min_samples_leaf
    right = whole.sums - left.sums
    rest = n_right if left.masses is left.counts else whole.masses - left.masses
    of_left, of_right = left.masses + shape.l2, rest + shape.l2
    with np.errstate(divide="ignore", invalid="ignore"):  # sides without rows
        if sign:
            forbidden |= sign * (right / of_right - left.sums / of_left) < 0.0
        gain = left.sums * left.sums
        gain /= of_left
        right *= right  # in place: these arrays are most of what a tree costs
        right /= of_right
        gain += right
        gain -= whole.sums**2 / (whole.masses + shape.l2)
    np.copyto(gain, 0.0, where=forbidden)
    return gain
