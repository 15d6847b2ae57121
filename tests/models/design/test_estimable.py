"""Rows that a fit with dropped columns cannot tell."""

import numpy as np

from flexcv.models.design.estimable import column_space

ONES, A = np.ones(4), np.array([1.0, 0.0, 0.0, 2.0])


def test_without_dropped_columns_there_is_nothing_to_ask():
    assert column_space([ONES, A], np.array([0, 1])) is None


def test_rows_that_keep_the_relation_are_inside():
    b = 3.0 * A - 2.0 * ONES
    space = column_space([ONES, A, b], np.array([0, 1]))
    np.testing.assert_allclose(space.relation, [[-2.0], [3.0]], atol=1e-12)
    new = np.array([5.0, 5.0])
    found = space.outside([np.ones(2), new, np.array([13.0, 13.1])])
    np.testing.assert_array_equal(found, [False, True])


def test_rounding_of_large_columns_is_inside():
    a = 1e8 * A
    space = column_space([a, 3.0 * a], np.array([0]))
    near = np.array([3e8 * (1.0 + 1e-9), 3e8 * (1.0 + 1e-3)])
    found = space.outside([np.full(2, 1e8), near])
    np.testing.assert_array_equal(found, [False, True])
