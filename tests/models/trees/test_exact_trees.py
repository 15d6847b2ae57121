"""scikit-learn's trees as boosting grows them."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from flexcv.models.trees.exact_trees import ExactGrower
from flexcv.models.trees.monotone import LEAF
from flexcv.models.trees.splits import TreeShape

RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(80, 3)).astype(np.float32)
GRADIENT = VALUES[:, 0] + 0.3 * RNG.normal(size=80)
SHAPE = TreeShape(3, None, 4, 0.0)


def grown(scale=1.0, weights=None, shape=SHAPE):
    grower = ExactGrower(VALUES, shape, weights)
    used = np.vstack([np.ones(80, dtype=bool), np.arange(80) >= 20])
    return grower.grow(scale * np.stack([GRADIENT, GRADIENT]), used, 0)


def test_one_tree_is_grown_on_the_rows_of_each_fold():
    found = grown()
    plain = DecisionTreeRegressor(max_depth=3, min_samples_leaf=4, random_state=0)
    plain.fit(VALUES[20:], GRADIENT[20:])
    second = found.trees[1]
    np.testing.assert_array_equal(second.tree.feature, plain.tree_.feature)
    np.testing.assert_array_equal(second.tree.threshold, plain.tree_.threshold)
    assert found.leaves.shape == (2, 80)
    assert [line.max() + 1 for line in found.leaves] == list(found.n_leaves)


@pytest.mark.parametrize("scale", [1e-9, 1e7])
def test_the_scale_of_the_gradient_moves_gains_only(scale):
    one, other = grown(), grown(scale)
    np.testing.assert_array_equal(one.leaves, other.leaves)
    gains = other.trees[0].gains(3)
    np.testing.assert_allclose(gains, scale**2 * one.trees[0].gains(3), rtol=1e-6)


def test_gains_are_what_the_squared_error_falls_by():
    tree, leaves = grown().trees[0], grown().leaves[0]
    within = sum(
        ((GRADIENT[leaves == leaf] - GRADIENT[leaves == leaf].mean()) ** 2).sum()
        for leaf in np.unique(leaves)
    )
    total = ((GRADIENT - GRADIENT.mean()) ** 2).sum()
    assert tree.gains(3).sum() == pytest.approx(total - within)


def test_a_row_of_weight_two_is_two_rows():
    weights = np.where(np.arange(80) < 40, 2.0, 1.0)
    tree = grown(weights=weights, shape=TreeShape(2, None, 1, 0.0)).trees[0]
    rows = np.concatenate([np.arange(80), np.arange(40)])
    target = (GRADIENT / weights)[rows]
    plain = DecisionTreeRegressor(max_depth=2, random_state=0)
    plain.fit(VALUES[rows], target)
    np.testing.assert_array_equal(tree.tree.feature, plain.tree_.feature)


def test_nodes_name_their_leaves():
    nodes = grown().trees[0].nodes
    leaves = nodes.feature == LEAF
    np.testing.assert_array_equal(np.sort(nodes.leaf[leaves]), np.arange(leaves.sum()))
    assert (nodes.leaf[~leaves] == LEAF).all()


def test_directions_are_left_out_beside_gaps():
    shape = TreeShape(2, None, 1, 0.0, np.array([1, 0, 0]))
    assert ExactGrower(VALUES, shape)._directions() is shape.directions
    gaps = VALUES.copy()
    gaps[0, 0] = np.nan
    assert ExactGrower(gaps, shape)._directions() is None
