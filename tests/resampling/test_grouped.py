import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import LeaveOneGroupOut

from flexcv.resampling import BalancedGroupKFold, ContinuousStratifiedGroupKFold
from flexcv.resampling.grouped import LeaveOneGroup

group_sizes = st.lists(st.integers(1, 12), min_size=5, max_size=30)


@given(group_sizes, st.integers(2, 5), st.integers(0, 2**31 - 1))
def test_no_group_is_broken_and_every_fold_has_one(sizes, n_splits, seed):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    for splitter in (
        BalancedGroupKFold(n_splits, random_state=seed),
        ContinuousStratifiedGroupKFold(n_splits, random_state=seed),
    ):
        y = np.sin(np.arange(len(groups)))
        tests = [set(groups[test]) for _, test in splitter.split(groups, y, groups)]
        assert len(tests) == n_splits
        assert all(tests)
        assert sum(map(len, tests)) == len(sizes)
        assert set.union(*tests) == set(range(len(sizes)))


@given(group_sizes, st.integers(0, 1000))
def test_fold_sizes_differ_by_less_than_the_largest_group_allows(sizes, seed):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    splitter = BalancedGroupKFold(2, random_state=seed)
    tests = [len(test) for _, test in splitter.split(groups, groups=groups)]
    assert max(tests) - min(tests) <= 2 * max(sizes)


def test_repeats_differ():
    groups = np.repeat(np.arange(20), 3)
    first = [
        t.tolist()
        for _, t in BalancedGroupKFold(4, random_state=0).split(groups, groups=groups)
    ]
    second = [
        t.tolist()
        for _, t in BalancedGroupKFold(4, random_state=1).split(groups, groups=groups)
    ]
    assert first != second


def test_stratified_groups_balance_a_target_that_groups_differ_in():
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(40), 5)
    y = np.repeat(rng.normal(size=40), 5)
    splitter = ContinuousStratifiedGroupKFold(4, random_state=0)
    means = [y[test].mean() for _, test in splitter.split(y, y, groups)]
    plain = BalancedGroupKFold(4, random_state=0)
    unbalanced = [y[test].mean() for _, test in plain.split(y, y, groups)]
    assert np.std(means) < np.std(unbalanced) / 2


def test_a_class_rarer_than_the_folds_is_split_without_complaint():
    groups = np.arange(20)
    y = np.array([1] + [0] * 19)
    splitter = ContinuousStratifiedGroupKFold(4, random_state=0)
    assert sum(y[test].sum() for _, test in splitter.split(y, y, groups)) == 1


def test_more_folds_than_groups_are_refused():
    with pytest.raises(ValueError, match="at least as many groups, got 2"):
        list(BalancedGroupKFold(3).split([1, 2, 3], groups=list("aab")))


def test_groups_are_needed():
    with pytest.raises(ValueError, match="BalancedGroupKFold needs groups"):
        list(BalancedGroupKFold(3).split([1, 2, 3]))


@given(st.lists(st.sampled_from("abcdef"), min_size=2, max_size=40))
def test_groups_left_out_are_those_of_scikit_learn(groups):
    if len(set(groups)) < 2:
        return
    ours = LeaveOneGroup().split(groups, groups=groups)
    theirs = LeaveOneGroupOut().split(groups, groups=groups)
    for one, other in zip(ours, theirs, strict=True):
        assert [part.tolist() for part in one] == [part.tolist() for part in other]


def test_one_group_cannot_be_left_out():
    with pytest.raises(ValueError, match="at least as many groups, got 1"):
        list(LeaveOneGroup().split("aa", groups=list("aa")))
