import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexcv.resampling import ConcatenatedStratifiedKFold, ContinuousStratifiedKFold
from flexcv.resampling.stratified import MAX_BINS, quantile_bins, strata_of

targets = st.lists(
    st.one_of(st.floats(-1e6, 1e6), st.integers(0, 3).map(float)),
    min_size=10,
    max_size=120,
)


@given(targets, st.integers(2, 5), st.integers(0, 2**31 - 1))
def test_every_stratum_is_shared_evenly(target, n_splits, seed):
    splitter = ContinuousStratifiedKFold(n_splits, random_state=seed)
    strata = strata_of(target, n_splits)
    tests = [test for _, test in splitter.split(target, target)]
    counts = np.array(
        [np.bincount(strata[t], minlength=strata.max() + 1) for t in tests]
    )
    assert np.ptp(counts, axis=0).max() <= 1
    assert np.ptp(counts.sum(axis=1)) <= 1


@given(targets, st.integers(2, 12))
def test_bins_respect_the_order_of_the_target(target, n_bins):
    bins = quantile_bins(target, n_bins)
    values = np.asarray(target)
    order = np.argsort(values, kind="stable")
    assert (np.diff(bins[order]) >= 0).all()
    same = np.diff(values[order]) == 0
    assert (np.diff(bins[order])[same] == 0).all()
    assert set(bins) == set(range(bins.max() + 1))


def test_the_target_is_not_changed():
    target = np.array([3.0, 1.0, 2.0, 5.0, 4.0, 6.0])
    before = target.copy()
    list(ContinuousStratifiedKFold(3, random_state=0).split(target, target))
    np.testing.assert_array_equal(target, before)


def test_a_constant_target_is_one_stratum():
    assert quantile_bins(np.zeros(8), 4).tolist() == [0] * 8


def test_concatenated_strata_share_every_group():
    rng = np.random.default_rng(0)
    groups = np.repeat(list("abcde"), [30, 7, 11, 4, 9])
    y = rng.normal(size=len(groups))
    splitter = ConcatenatedStratifiedKFold(3, random_state=1)
    counts = np.array(
        [
            [(groups[test] == label).sum() for label in "abcde"]
            for _, test in splitter.split(y, y, groups)
        ]
    )
    fair = np.array([30, 7, 11, 4, 9]) / 3
    bins = strata_of(y, 3).max() + 1
    assert (np.abs(counts - fair) <= bins).all()


def test_more_folds_than_rows_are_refused():
    with pytest.raises(ValueError, match="5 folds need at least as many rows, got 3"):
        list(ContinuousStratifiedKFold(5).split([1, 2, 3], [1.0, 2.0, 3.0]))


@pytest.mark.parametrize("n_splits", [1, 0, -2])
def test_fewer_than_two_folds_are_refused(n_splits):
    with pytest.raises(ValueError, match="`n_splits` must be at least 2"):
        ContinuousStratifiedKFold(n_splits)


# -- classes --


def test_many_classes_are_strata_of_their_own():
    labels = pd.Categorical(np.repeat(np.arange(30), 4))
    assert len(np.unique(strata_of(labels, 2))) == 30
    assert len(np.unique(strata_of(np.repeat(np.arange(30), 4), 2))) == MAX_BINS


@pytest.mark.parametrize(
    "labels", [["b", "a", "b"], [True, False, True], pd.Categorical(["y", "x", "y"])]
)
def test_texts_truth_values_and_categories_are_classes(labels):
    assert strata_of(labels, 2).tolist() == [1, 0, 1]
