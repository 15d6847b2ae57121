"""Features in an order that neither their places nor their units decide."""

import numpy as np

from flexcv.models.design.content import order_by_content


def test_the_order_goes_with_the_features_wherever_they_stand():
    values = np.random.default_rng(0).normal(size=(20, 5))
    order = order_by_content(values)
    for seed in range(5):
        places = np.random.default_rng(seed).permutation(5)
        there = order_by_content(values[:, places])
        np.testing.assert_array_equal(places[there], order)


def test_units_change_nothing():
    values = np.random.default_rng(1).normal(size=(20, 4))
    scaled = values * np.array([1e-8, 3.0, 1e6, 0.1]) + np.arange(4)
    np.testing.assert_array_equal(order_by_content(values), order_by_content(scaled))


def test_features_that_are_alike_stay_in_their_order():
    one = np.array([3.0, 1.0, 2.0])
    np.testing.assert_array_equal(order_by_content(np.stack([one, one], 1)), [0, 1])
