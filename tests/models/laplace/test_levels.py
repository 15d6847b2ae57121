"""Sums over the rows of levels, sorted or not, and small inverses."""

import numpy as np
import pytest

from flexcv.models.laplace._levels import inverse_and_log_det, learn_levels

VALUES = np.random.default_rng(0).normal(size=12)


@pytest.mark.parametrize(
    ("codes", "n_levels", "is_sorted"),
    [
        ([0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 3, 3], None, True),
        ([3, 0, 2, 1, 1, 2, 0, 2, 2, 3, 0, 3], None, False),
        ([0, 0, 0, 1, 1, 3, 3, 3, 3, 4, 4, 4], 6, False),  # empty levels
    ],
)
def test_sums_are_over_the_rows_of_a_level(codes, n_levels, is_sorted):
    codes = np.array(codes)
    levels = learn_levels(codes, n_levels)
    assert (levels.starts is not None) == is_sorted
    size = codes.max() + 1 if n_levels is None else n_levels
    assert levels.n_levels == size
    wanted = [VALUES[codes == level].sum() for level in range(size)]
    np.testing.assert_allclose(levels.sum(VALUES), wanted)
    given = np.arange(float(size))
    np.testing.assert_array_equal(levels.spread(given), codes)
    assert levels.counts.sum() == 12


@pytest.mark.parametrize("q", [1, 2, 4])
def test_inverses_and_determinants_are_those_of_each_level(q):
    roots = np.random.default_rng(q).normal(size=(5, q, q + 2))
    matrices = np.einsum("nar,nbr->abn", roots, roots)
    inverse, log_det = inverse_and_log_det(matrices)
    for level in range(5):
        one = matrices[:, :, level]
        np.testing.assert_allclose(inverse[:, :, level], np.linalg.inv(one), rtol=1e-8)
        assert log_det[level] == pytest.approx(np.linalg.slogdet(one)[1])
