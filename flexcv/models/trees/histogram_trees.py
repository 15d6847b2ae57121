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
from .monotone import LEAF, Nodes
from .splits import LEAST_GAIN, Cells, Splits, TreeShape, best_of_feature, no_splits


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

    @property
    def nodes(self) -> Nodes:
        """The nodes as any learner tells them."""
        return Nodes(self.feature, self.left, self.left + 1, self.leaf)

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
    weights
        How much each row weighs; None is one.
    """

    bins: Bins
    codes: CodeArray
    shape: TreeShape
    weights: FloatArray | None = None

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


class _Level:
    """The nodes of one level of all trees, and their splits."""

    def __init__(self, tree: IntArray) -> None:
        self.tree = tree
        self.splits = no_splits(len(tree))

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
        self.weights = grower.weights
        self.node = np.empty(n_trees * n_rows, dtype=np.intp)
        self.first = 0

    def best_splits(self, n_nodes: int) -> Splits:
        """Look for the best split of each node of the newest level."""
        gradient, width = self.gradient, self.missing + 1
        at, row = self.local[: len(gradient)], self.row[: len(gradient)]
        start, size = at * width, n_nodes * width
        best = no_splits(n_nodes)
        weights = None if self.weights is None else self.weights.take(row)
        squares = gradient * gradient
        least = LEAST_GAIN * _sums(
            at, squares if weights is None else squares / weights, n_nodes
        )
        for feature, codes in enumerate(self.codes):
            key = start + codes.take(row)
            sums = _sums(key, gradient, size).reshape(n_nodes, width)
            counts = np.bincount(key, minlength=size).reshape(n_nodes, width)
            masses: IntArray | FloatArray = counts
            if weights is not None:
                masses = _sums(key, weights, size).reshape(n_nodes, width)
            cells = Cells(sums, counts, masses)
            found = best_of_feature(feature, cells, self.shape, least)
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


def _affordable(
    found: Splits, levels: Sequence[_Level], max_leaf_nodes: int | None
) -> Splits:
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
    splits = Splits(
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
