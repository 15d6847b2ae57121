import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexcv.models.trees.binning import learn_bins

numbers = st.floats(-1e6, 1e6) | st.just(np.nan)


@given(st.lists(numbers, min_size=1, max_size=60))
def test_bins_keep_the_order_of_values(values):
    column = np.array(values)[:, None]
    codes = learn_bins(column).codes(column)[0].astype(int)
    known = ~np.isnan(column[:, 0])
    ranks = np.unique(column[known, 0], return_inverse=True)[1]
    np.testing.assert_array_equal(codes[known], ranks)


@given(st.lists(numbers, min_size=1, max_size=60))
def test_missing_values_have_the_code_after_the_last_bin(values):
    column = np.array(values)[:, None]
    bins = learn_bins(column)
    codes = bins.codes(column)[0]
    np.testing.assert_array_equal(codes == bins.missing, np.isnan(column[:, 0]))


@pytest.mark.parametrize("max_bins", [2, 16, 255])
def test_many_values_fill_bins_evenly(max_bins):
    column = np.random.default_rng(0).normal(size=(5000, 1))
    codes = learn_bins(column, max_bins).codes(column)[0]
    counts = np.bincount(codes)
    assert len(counts) == max_bins
    assert counts.max() - counts.min() <= 1


def test_neighbouring_floats_are_told_apart():
    low = 1.0
    column = np.array([low, np.nextafter(low, 2.0)])[:, None]
    np.testing.assert_array_equal(learn_bins(column).codes(column)[0], [0, 1])


def test_infinitely_many_repeats_of_a_few_values_make_few_bins():
    column = np.repeat([0.0, 1.0, 5.0], 1000)[:, None]
    assert learn_bins(column).thresholds[0].tolist() == [0.5, 3.0]


def test_a_frequent_value_shares_its_bin_with_few_others():
    rng = np.random.default_rng(0)
    column = np.where(rng.random(5000) < 0.5, 0.0, rng.normal(size=5000))[:, None]
    codes = learn_bins(column, 16).codes(column)[0]
    at_zero = codes == codes[column[:, 0] == 0.0][0]
    assert (column[at_zero, 0] != 0.0).sum() <= 1.5 * 5000 / 16
