"""Regression trees on binned features, several grown at the same time.

All trees of one round of boosting (one per training fold and one for all rows) grow
level by level together: a level costs one sum per bin and feature over their rows,
whichever tree the rows are in. A split is the one that lowers the squared error of the
gradient most; of equal ones it is the first feature's, at its lowest threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from flexcv._rounding import significant
from flexcv.arrays import BoolArray, FloatArray, IntArray

from .binning import Bins, CodeArray

LEAF = -1  # in place of a feature
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
    """

    max_depth: int
    max_leaf_nodes: int | None
    min_samples_leaf: int
    l2: float


@dataclass(frozen=True, slots=True, eq=False)
class HistogramTree:
    """One tree; node 0 is the root.

    Attributes
    ----------
    missing
        The code of a missing value.
    feature
        What each node asks about; -1 marks a leaf.
    split
        The last bin that goes left.
    missing_left
        Where a missing value goes.
    left
        The left child; the right one is the next node.
    leaf
        The number of each leaf, -1 elsewhere.
    gain
        By how much each node's split lowered the squared error.
    """

    missing: int
    feature: IntArray
    split: IntArray
    missing_left: BoolArray
    left: IntArray
    leaf: IntArray
    gain: FloatArray

    def leaves(self, codes: CodeArray) -> IntArray:
        """Return the leaf of each row.

        Parameters
        ----------
        codes
            Of `Bins.codes`, shape (n_features, n_rows).
        """
        node = np.zeros(codes.shape[1], dtype=np.intp)
        rows = np.arange(codes.shape[1]) if self.feature[0] != LEAF else node[:0]
        while len(rows):
            at = node[rows]
            code = codes[self.feature[at], rows]
            sides = self.split[at], self.missing_left[at]
            right = _goes_right(code, *sides, self.missing)
            node[rows] = self.left[at] + right
            rows = rows[self.feature[node[rows]] != LEAF]
        return self.leaf[node]

    def gains(self, n_features: int) -> FloatArray:
        """Return by how much the splits of each feature lowered the squared error."""
        asked = self.feature != LEAF
        gain = self.gain[asked]
        return np.asarray(np.bincount(self.feature[asked], gain, n_features))


class Grown(NamedTuple):
    """The trees of one round.

    Attributes
    ----------
    trees
        One per root.
    leaves
        The leaf of each row in each tree, shape (trees, n_rows).
    n_leaves
        How many leaves each tree has.
    """

    trees: Sequence[Any]
    leaves: IntArray
    n_leaves: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class HistogramGrower:
    """Grows trees on one binned table.

    Attributes
    ----------
    bins, codes
        The table.
    shape
        How far trees grow.
    """

    bins: Bins
    codes: CodeArray
    shape: TreeShape

    def grow(self, gradient: FloatArray, used: BoolArray, seed: int = 0) -> Grown:  # noqa: ARG002
        """Grow one tree per row of `gradient`.

        Parameters
        ----------
        gradient
            What each tree shall follow, shape (trees, n_rows).
        used
            The rows that each tree learns from, same shape.
        seed
            Not needed: equal gradients give equal trees.
        """
        front = _Front(self, gradient, used)
        levels = [_Level(np.arange(len(gradient)))]
        for _ in range(self.shape.max_depth):
            found = front.best_splits(levels[-1].n_nodes)
            levels[-1].splits = _affordable(found, levels, self.shape.max_leaf_nodes)
            if not levels[-1].divided.any():
                break
            front.move(levels[-1])
            levels.append(_Level(np.repeat(levels[-1].tree[levels[-1].divided], 2)))
        return _grown(levels, front.nodes(), self.bins.missing)


class _Splits(NamedTuple):
    """The best split of each node of a level; a gain of zero is none."""

    gain: FloatArray
    feature: IntArray
    split: IntArray
    missing_left: BoolArray

    def better(self, other: _Splits, least: FloatArray) -> _Splits:
        """Take the other split where it gains more, by what is no rounding."""
        wins = other.gain > self.gain + least
        return _Splits(
            *(np.where(wins, o, s) for s, o in zip(self, other, strict=True))
        )


def _no_splits(n_nodes: int) -> _Splits:
    nothing = np.zeros(n_nodes, dtype=np.intp)
    return _Splits(np.zeros(n_nodes), nothing + LEAF, nothing, nothing > 0)


class _Level:
    """The nodes of one level of all trees, and their splits."""

    def __init__(self, tree: IntArray) -> None:
        self.tree = tree
        self.splits = _no_splits(len(tree))

    @property
    def n_nodes(self) -> int:
        return len(self.tree)

    @property
    def divided(self) -> BoolArray:
        return np.asarray(self.splits.gain > 0.0)


class _Front:
    """The rows that may still move, those that trees learn from first.

    Attributes
    ----------
    node
        Where the rows that stopped are, in the order of all trees' rows.
    moving, row, local
        The rows that move: their place in `node`, their row of the table, and their
        node within the newest level.
    gradient
        That of the first of them, which trees learn from.
    """

    def __init__(
        self, grower: HistogramGrower, gradient: FloatArray, used: BoolArray
    ) -> None:
        n_trees, n_rows = gradient.shape
        self.codes, self.missing = grower.codes, grower.bins.missing
        self.shape = grower.shape
        flat = used.reshape(-1)
        learning = np.flatnonzero(flat)
        self.moving = np.concatenate([learning, np.flatnonzero(~flat)])
        self.local, self.row = np.divmod(self.moving, n_rows)
        self.gradient = gradient.reshape(-1).take(learning)
        self.node = np.empty(n_trees * n_rows, dtype=np.intp)
        self.first = 0

    def best_splits(self, n_nodes: int) -> _Splits:
        """Look for the best split of each node of the newest level."""
        gradient, width = self.gradient, self.missing + 1
        at, row = self.local[: len(gradient)], self.row[: len(gradient)]
        start, size = at * width, n_nodes * width
        best = _no_splits(n_nodes)
        least = LEAST_GAIN * _sums(at, gradient * gradient, n_nodes)
        for feature, codes in enumerate(self.codes):
            key = start + codes.take(row)
            sums = _sums(key, gradient, size).reshape(n_nodes, width)
            counts = np.bincount(key, minlength=size).reshape(n_nodes, width)
            found = _best_of_feature(feature, sums, counts, self.shape, least)
            best = best.better(found, least)
        return best

    def move(self, level: _Level) -> None:
        """Send the rows of divided nodes to their children, and stop the others."""
        divided, splits = level.divided, level.splits
        if not divided.all():
            self._stop(~divided.take(self.local))
        at = self.local
        cell = (splits.feature * self.codes.shape[1]).take(at) + self.row
        code = self.codes.reshape(-1).take(cell)
        sides = splits.split.take(at), splits.missing_left.take(at)
        right = _goes_right(code, *sides, self.missing)
        self.local = (2 * np.cumsum(divided) - 2).take(at) + right
        self.first += level.n_nodes

    def _stop(self, stopped: BoolArray) -> None:
        self.node[self.moving[stopped]] = self.first + self.local[stopped]
        kept = ~stopped
        self.gradient = self.gradient[kept[: len(self.gradient)]]
        self.moving, self.row, self.local = (
            values[kept] for values in (self.moving, self.row, self.local)
        )

    def nodes(self) -> IntArray:
        """Return the node of every row of every tree."""
        self._stop(np.full(len(self.moving), True))
        return self.node


def _sums(places: IntArray, values: FloatArray, size: int) -> FloatArray:
    return np.asarray(np.bincount(places, values, size), dtype=np.float64)


def _best_of_feature(
    feature: int,
    sums: FloatArray,
    counts: IntArray,
    shape: TreeShape,
    least: FloatArray,
) -> _Splits:
    """Find the best bin after which to split, with missing values on either side."""
    n_nodes = len(sums)
    left, n_left = sums[:, :-1].cumsum(axis=1), counts[:, :-1].cumsum(axis=1)
    whole = left[:, -1] + sums[:, -1]
    n_whole = n_left[:, -1] + counts[:, -1]
    best = _no_splits(n_nodes)
    for missing_left in (False, True):
        if missing_left:
            if not counts[:, -1].any():
                break
            left, n_left = left + sums[:, -1:], n_left + counts[:, -1:]
        gain = _gains(left, n_left, whole[:, None], n_whole[:, None], shape)
        most = gain.max(axis=1)
        split = (gain >= (most - least)[:, None]).argmax(axis=1)
        side = np.full(n_nodes, missing_left)
        if not counts[:, -1].any():  # a value missing later goes with the majority
            side = 2 * n_left[np.arange(n_nodes), split] >= n_whole
        found = _Splits(most, np.full(n_nodes, feature), split, side)
        best = best.better(found, least)
    return best


def _gains(
    left: FloatArray,
    n_left: IntArray,
    whole: FloatArray,
    n_whole: IntArray,
    shape: TreeShape,
) -> FloatArray:
    """Return by how much each split lowers the squared error; zero where forbidden."""
    n_right = n_whole - n_left
    fewest = np.minimum(n_left, n_right)
    with np.errstate(divide="ignore", invalid="ignore"):  # sides without rows
        gain = left**2 / (n_left + shape.l2)
        gain += (whole - left) ** 2 / (n_right + shape.l2)
        gain -= whole**2 / (n_whole + shape.l2)
    return np.where(fewest >= shape.min_samples_leaf, gain, 0.0)


def _affordable(
    found: _Splits, levels: Sequence[_Level], max_leaf_nodes: int | None
) -> _Splits:
    """Drop the splits of least gain of a tree that would get too many leaves."""
    if max_leaf_nodes is None:
        return found
    tree = levels[-1].tree
    leaves = np.ones(int(levels[0].tree[-1]) + 1, dtype=np.intp)
    for level in levels[:-1]:
        leaves += np.bincount(level.tree[level.divided], minlength=len(leaves))
    order = np.lexsort((-significant(found.gain), tree))
    first = np.searchsorted(tree[order], np.arange(len(leaves)))
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order)) - first[tree[order]]
    allowed = rank < max_leaf_nodes - leaves[tree]
    return found._replace(gain=np.where(allowed, found.gain, 0.0))


def _goes_right(
    code: npt.NDArray[Any], split: IntArray, missing_left: BoolArray, missing: int
) -> BoolArray:
    """Return which rows go to the right child."""
    return np.where(code == missing, ~missing_left, code > split)


def _grown(levels: Sequence[_Level], node: IntArray, missing: int) -> Grown:
    """Cut the trees apart, with leaves numbered within each."""
    n_trees = levels[0].n_nodes
    tree = np.concatenate([level.tree for level in levels])
    splits = _Splits(
        *(
            np.concatenate(part)
            for part in zip(*(x.splits for x in levels), strict=True)
        )
    )
    divided = splits.gain > 0.0
    own, leaf = (
        _numbers_within(tree, which, n_trees)
        for which in (np.full(len(tree), True), ~divided)
    )
    left = np.full(len(tree), LEAF)
    # Children follow in the order of their parents, behind all the roots.
    left[divided] = own[n_trees + 2 * np.arange(int(divided.sum()))]
    leaf = np.where(divided, LEAF, leaf)
    feature = np.where(divided, splits.feature, LEAF)
    columns = (feature, splits.split, splits.missing_left, left, leaf, splits.gain)
    trees = [
        HistogramTree(missing, *(column[tree == number] for column in columns))
        for number in range(n_trees)
    ]
    n_leaves = np.bincount(tree[~divided], minlength=n_trees)
    return Grown(trees, leaf[node].reshape(n_trees, -1), tuple(map(int, n_leaves)))


def _numbers_within(tree: IntArray, which: BoolArray, n_trees: int) -> IntArray:
    """Count the chosen nodes of each tree from zero, in order."""
    numbers = np.zeros(len(tree), dtype=np.intp)
    for number in range(n_trees):
        mine = which & (tree == number)
        numbers[mine] = np.arange(int(mine.sum()))
    return numbers
