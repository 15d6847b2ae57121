"""Regression trees of scikit-learn, which look at every threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeRegressor

from flexcv._rounding import on_grid, power_of_two
from flexcv.arrays import BoolArray, FloatArray, IntArray

from .histogram_trees import Grown
from .monotone import LEAF, Nodes
from .splits import TreeShape


@dataclass(frozen=True, slots=True, eq=False)
class ExactTree:
    """One fitted tree of scikit-learn.

    Attributes
    ----------
    tree
        What scikit-learn keeps in ``tree_``.
    leaf
        The number of each leaf, -1 elsewhere.
    unit
        What the gradient was divided by.
    """

    tree: Any
    leaf: IntArray
    unit: float = 1.0

    def leaves(self, values: FloatArray) -> IntArray:
        """Return the leaf of each row of a table of 32-bit numbers."""
        return np.asarray(self.leaf[self.tree.apply(values)])

    @property
    def nodes(self) -> Nodes:
        """The nodes as any learner tells them."""
        feature = np.where(self.leaf < 0, self.tree.feature, LEAF)
        children = self.tree.children_left, self.tree.children_right
        return Nodes(feature, *children, self.leaf)

    def gains(self, n_features: int) -> FloatArray:
        """Return by how much the splits of each feature lowered the squared error."""
        gains = self.tree.compute_feature_importances(normalize=False)
        scale = self.unit**2 * self.tree.weighted_n_node_samples[0]
        return np.asarray(gains[:n_features] * scale)


@dataclass(frozen=True, slots=True, eq=False)
class ExactGrower:
    """Grows trees on one table.

    Attributes
    ----------
    values
        The table in 32-bit numbers, shape (n_rows, n_features).
    shape
        How far trees grow.
    weights
        How much each row weighs; None is one.
    """

    values: FloatArray
    shape: TreeShape
    weights: FloatArray | None = None

    def grow(self, gradient: FloatArray, used: BoolArray, seed: int) -> Grown:
        """Grow one tree per row of `gradient`, see `HistogramGrower.grow`."""
        trees = [
            self._tree(line, np.flatnonzero(rows), seed)
            for line, rows in zip(gradient, used, strict=True)
        ]
        leaves = np.stack([tree.leaves(self.values) for tree in trees])
        return Grown(trees, leaves, tuple(int(t.leaf.max()) + 1 for t in trees))

    def _tree(self, gradient: FloatArray, rows: IntArray, seed: int) -> ExactTree:
        learner = DecisionTreeRegressor(
            max_depth=self.shape.max_depth,
            max_leaf_nodes=self.shape.max_leaf_nodes,
            min_samples_leaf=self.shape.min_samples_leaf,
            random_state=seed,
            monotonic_cst=self._directions(),
        )
        values, target = self.values[rows], gradient[rows]
        weights = None if self.weights is None else self.weights[rows]
        target = target if weights is None else on_grid(target / weights)
        unit = power_of_two(target)  # scikit-learn takes small variances for none
        tree = learner.fit(values, target / unit, sample_weight=weights).tree_
        is_leaf = tree.children_left < 0
        return ExactTree(tree, np.where(is_leaf, np.cumsum(is_leaf) - 1, LEAF), unit)

    def _directions(self) -> IntArray | None:
        """Return what scikit-learn takes, which allows no gaps beside directions."""
        directions = self.shape.directions
        has_gaps = directions is not None and bool(np.isnan(self.values).any())
        return None if has_gaps else directions
