import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.tree import DecisionTreeRegressor

from flexcv.models.trees.binning import learn_bins
from flexcv.models.trees.exact_trees import ExactGrower
from flexcv.models.trees.histogram_trees import HistogramGrower, TreeShape, _gains


def grower(X, **shape):
    settings = {
        "max_depth": 4,
        "max_leaf_nodes": None,
        "min_samples_leaf": 3,
        "l2": 0.0,
    }
    bins = learn_bins(X)
    return HistogramGrower(bins, bins.codes(X), TreeShape(**(settings | shape)))


def drawn(seed=0, n=300):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 40, size=(n, 3)).astype(float)
    return X, X[:, 0] * (X[:, 1] > 20.0) + rng.normal(size=n), rng


def predicted(grown, tree, y, used):
    """The means of the leaves, as scikit-learn predicts."""
    leaves, n_leaves = grown.leaves[tree], grown.n_leaves[tree]
    sums = np.bincount(leaves[used], y[used], n_leaves)
    return (sums / np.bincount(leaves[used], minlength=n_leaves))[leaves]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 6), st.integers(1, 30))
def test_a_tree_is_that_of_scikit_learn(seed, depth, fewest):
    X, y, _ = drawn(seed)
    grown = grower(X, max_depth=depth, min_samples_leaf=fewest).grow(
        y[None], np.full((1, len(y)), True)
    )
    other = DecisionTreeRegressor(
        max_depth=depth, min_samples_leaf=fewest, random_state=0
    ).fit(X, y)
    assert grown.n_leaves[0] == other.get_n_leaves()
    np.testing.assert_allclose(
        predicted(grown, 0, y, np.full(len(y), True)), other.predict(X), atol=1e-8
    )


def test_trees_grown_together_are_those_grown_alone():
    X, y, rng = drawn()
    gradient = np.stack([y, rng.normal(size=len(y)), -y])
    used = rng.random(gradient.shape) < 0.6
    both = grower(X).grow(gradient, used)
    for place in range(3):
        alone = grower(X).grow(gradient[[place]], used[[place]])
        np.testing.assert_array_equal(both.leaves[place], alone.leaves[0])
        np.testing.assert_array_equal(both.trees[place].feature, alone.trees[0].feature)
        np.testing.assert_array_equal(both.trees[place].leaf, alone.trees[0].leaf)


def test_a_tree_finds_the_leaves_it_was_grown_with():
    X, y, rng = drawn()
    X[rng.random(X.shape) < 0.2] = np.nan
    gradient = np.stack([y, rng.normal(size=len(y))])
    growing = grower(X, max_depth=6)
    grown = growing.grow(gradient, rng.random(gradient.shape) < 0.5)
    for tree, leaves in zip(grown.trees, grown.leaves, strict=True):
        np.testing.assert_array_equal(tree.leaves(growing.codes), leaves)


def test_a_constant_gradient_grows_no_tree():
    X, y, _ = drawn()
    grown = grower(X).grow(np.zeros((1, len(y))), np.full((1, len(y)), True))
    assert grown.n_leaves == (1,)
    assert not grown.leaves.any()


def test_a_tree_splits_missing_from_known_values():
    X = np.array([[1.0], [2.0], [3.0], [np.nan], [np.nan], [np.nan]])
    y = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])
    grown = grower(X, max_depth=1).grow(y[None], np.full((1, 6), True))
    assert len(set(grown.leaves[0][:3])) == 1
    assert len(set(grown.leaves[0])) == 2


def test_missing_values_join_the_side_that_fits_them():
    X = np.array([[1.0]] * 4 + [[2.0]] * 4 + [[np.nan]] * 4)
    for missing_like in (0.0, 1.0):
        y = np.array([0.0] * 4 + [1.0] * 4 + [missing_like] * 4)
        grown = grower(X, max_depth=1).grow(y[None], np.full((1, 12), True))
        alike = 0 if missing_like == 0.0 else 4
        assert grown.leaves[0][8] == grown.leaves[0][alike]


def test_a_value_that_is_missing_only_later_goes_with_the_majority():
    X, y = np.array([[0.0]] * 3 + [[1.0]] * 7), np.array([0.0] * 3 + [1.0] * 7)
    growing = grower(X, max_depth=1)
    grown = growing.grow(y[None], np.full((1, 10), True))
    codes = growing.bins.codes(np.array([[np.nan]]))
    assert grown.trees[0].leaves(codes)[0] == grown.leaves[0][-1]


@pytest.mark.parametrize("most", [2, 5, 9])
def test_a_tree_has_no_more_leaves_than_allowed(most):
    X, y, rng = drawn()
    gradient = np.stack([y, rng.normal(size=len(y))])
    grown = grower(X, max_leaf_nodes=most, max_depth=8).grow(
        gradient, np.full(gradient.shape, True)
    )
    assert grown.n_leaves == (most, most)


def test_every_leaf_holds_the_fewest_rows():
    X, y, rng = drawn()
    used = rng.random((1, len(y))) < 0.5
    grown = grower(X, min_samples_leaf=20, max_depth=8).grow(y[None], used)
    assert np.bincount(grown.leaves[0][used[0]]).min() >= 20


def test_gains_are_the_squared_error_that_splits_saved():
    X, y, _ = drawn()
    every = np.full(len(y), True)
    grown = grower(X).grow(y[None], every[None])
    saved = ((y - y.mean()) ** 2).sum()
    saved -= ((y - predicted(grown, 0, y, every)) ** 2).sum()
    assert grown.trees[0].gains(3).sum() == pytest.approx(saved)


def test_exact_trees_are_the_same_where_every_value_has_a_bin():
    X, y, _ = drawn()
    shape = TreeShape(4, None, 3, 0.0)
    every = np.full((1, len(y)), True)
    exact = ExactGrower(X.astype(np.float32), shape).grow(y[None], every, 0)
    binned = grower(X).grow(y[None], every)
    expected = predicted(exact, 0, y, every[0])
    np.testing.assert_allclose(predicted(binned, 0, y, every[0]), expected)
    np.testing.assert_allclose(
        exact.trees[0].gains(3), binned.trees[0].gains(3), atol=1e-6 * (y @ y)
    )


def test_each_side_of_a_split_holds_the_rows_of_gradient_zero():
    shape = TreeShape(1, None, min_samples_leaf=2, l2=1.5)
    left, whole = np.array([[2.0, -1.0, 4.0]]), np.array([[5.0]])
    gains = _gains(left, np.array([[3, 5, 1]]), whole, np.array([[9]]), shape)
    first = 4.0 / 4.5 + 9.0 / 7.5 - 25.0 / 10.5
    second = 1.0 / 6.5 + 36.0 / 5.5 - 25.0 / 10.5
    np.testing.assert_allclose(gains, [[first, second, 0.0]])
