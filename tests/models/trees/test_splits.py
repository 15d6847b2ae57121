"""The best split of a feature is that which lowers the squared error most."""

import numpy as np
import pytest

from flexcv.models.trees.splits import Cells, TreeShape, best_of_feature, no_splits

RNG = np.random.default_rng(0)
LEAST = np.array([1e-12])


def cells_of(bins, gradient, n_bins, weights=None):
    counts = np.bincount(bins, minlength=n_bins)[None]
    masses = counts
    if weights is not None:
        masses = np.bincount(bins, weights, minlength=n_bins)[None]
    return Cells(np.bincount(bins, gradient, minlength=n_bins)[None], counts, masses)


def gain_of(gradient, left, l2, weights):
    """By how much two leaves lower the sum of squares below that of one."""

    def explained(rows):
        return gradient[rows].sum() ** 2 / (weights[rows].sum() + l2)

    everything = np.ones(len(gradient), dtype=bool)
    return explained(left) + explained(~left) - explained(everything)


@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize("l2", [0.0, 2.0])
def test_the_best_of_all_splits_is_found(l2, is_weighted):
    bins, gradient = RNG.integers(0, 5, 60), RNG.normal(size=60)
    weights = RNG.uniform(0.5, 2.0, 60) if is_weighted else np.ones(60)
    shape = TreeShape(3, None, 5, l2)
    cells = cells_of(bins, gradient, 6, weights if is_weighted else None)
    found = best_of_feature(7, cells, shape, LEAST)
    gains = [gain_of(gradient, bins <= k, l2, weights) for k in range(4)]
    assert found.feature[0] == 7
    assert found.split[0] == int(np.argmax(gains))
    assert found.gain[0] == pytest.approx(max(gains))


def test_missing_values_go_where_they_gain_more():
    bins = np.repeat([0, 1, 5], 10)
    gradient = np.repeat([1.0, -1.0, 1.0], 10)
    shape = TreeShape(3, None, 1, 0.0)
    found = best_of_feature(0, cells_of(bins, gradient, 6), shape, LEAST)
    assert found.missing_left[0]
    gradient = np.repeat([1.0, -1.0, -1.0], 10)
    found = best_of_feature(0, cells_of(bins, gradient, 6), shape, LEAST)
    assert not found.missing_left[0]


def test_a_value_missing_later_goes_with_the_majority():
    shape = TreeShape(3, None, 1, 0.0)
    bins, gradient = np.repeat([0, 1], [20, 10]), np.repeat([1.0, -1.0], [20, 10])
    assert best_of_feature(0, cells_of(bins, gradient, 6), shape, LEAST).missing_left[0]
    few = best_of_feature(0, cells_of(1 - bins, gradient, 6), shape, LEAST)
    assert not few.missing_left[0]


def test_leaves_hold_the_fewest_rows_that_are_allowed():
    bins, gradient = np.array([0, 1, 1, 1, 1]), np.array([9.0, 0, 0, 0, 0])
    for least, gains in ((1, True), (2, False)):
        shape = TreeShape(3, None, least, 0.0)
        found = best_of_feature(0, cells_of(bins, gradient, 3), shape, LEAST)
        assert (found.gain[0] > 0.0) == gains


def test_a_direction_forbids_splits_against_it():
    bins, gradient = np.repeat([0, 1], 10), np.repeat([-1.0, 1.0], 10)
    for sign, gains in ((1, True), (-1, False), (0, True)):
        shape = TreeShape(3, None, 1, 0.0, np.array([sign]))
        found = best_of_feature(0, cells_of(bins, gradient, 3), shape, LEAST)
        assert (found.gain[0] > 0.0) == gains


def test_the_first_of_equals_stays_the_best():
    best = no_splits(2)._replace(gain=np.array([1.0, 1.0]))
    other = no_splits(2)._replace(
        gain=np.array([1.0 + 1e-12, 2.0]), feature=np.array([4, 4])
    )
    found = best.better(other, np.full(2, 1e-9))
    assert found.feature.tolist() == [best.feature[0], 4]
