import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, KFold

from flexcv.dataset import make_dataset
from flexcv.resampling import CrossValMethod, SplitSettings, make_plan
from flexcv.resampling.registry import FixedPairs
from flexcv.resampling.whole import whole_fold


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    group = pd.Series(np.repeat(np.arange(12), 5), name="group")
    X = pd.DataFrame({"x": rng.normal(size=60), "day": rng.permutation(60)})
    return make_dataset(X, rng.normal(size=60), group)


def made(data, seed=3, **chosen):
    split = SplitSettings(**chosen)
    plan = make_plan(data, split, seed, with_inner=False)
    return whole_fold(data, split, plan, seed)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**33), n_splits=st.integers(2, 6))
def test_every_row_is_trained_on_and_validated_once(seed, n_splits):
    group = np.repeat(np.arange(6), 3)
    data = make_dataset({"x": np.arange(18.0)}, np.arange(18.0), group)
    fold = made(data, seed, outer=CrossValMethod.GROUP_KFOLD, n_splits_in=n_splits)
    assert fold.train.tolist() == list(range(18))
    assert len(fold.test) == 0
    tested = np.concatenate([split.test for split in fold.inner])
    assert sorted(tested.tolist()) == list(range(18))
    for split in fold.inner:
        assert not set(group[split.train]) & set(group[split.test])


def test_inner_splits_are_those_of_scikit_learn_with_the_seed_of_the_run(data):
    cases = {
        CrossValMethod.KFOLD: (KFold, None),
        CrossValMethod.GROUP_KFOLD: (GroupKFold, data.group_codes()),
    }
    for method, (splitter, codes) in cases.items():
        fold = made(data, 7, outer=method, n_splits_in=4)
        expected = splitter(4, shuffle=True, random_state=7)
        pairs = expected.split(data.features, data.target, codes)
        for split, (train, test) in zip(fold.inner, pairs, strict=True):
            assert np.array_equal(split.train, train)
            assert np.array_equal(split.test, test)


def test_an_open_inner_split_treats_groups_as_the_plan_does(data):
    leave_out = [(np.arange(30), np.arange(30, 60)), (np.arange(30, 60), np.arange(30))]
    codes = data.group_codes()
    for split in made(data, outer=FixedPairs(leave_out)).inner:
        assert not set(codes[split.train]) & set(codes[split.test])


def test_inner_splits_keep_the_order_of_time(data):
    day = data.features["day"].to_numpy()
    fold = made(data, outer=CrossValMethod.TIME_SERIES_SPLIT, time="day")
    assert all(day[s.train].max() < day[s.test].min() for s in fold.inner)


def test_its_seed_is_that_of_no_fold_and_depends_on_the_runs_alone(data):
    split = SplitSettings(CrossValMethod.KFOLD, n_repeats=3)
    plan = make_plan(data, split, 5)
    seeds = {fold.seed for fold in plan}
    found = whole_fold(data, split, plan, 5).seed
    assert found not in seeds
    assert found == made(data, 5, n_splits_out=3).seed
    assert found != made(data, 6).seed


def test_it_says_that_it_is_of_all_rows(data):
    split = SplitSettings()
    plan = make_plan(data, split, 1)
    assert plan.folds[1].address == "repeat 0, fold 1"
    assert whole_fold(data, split, plan, 1, with_inner=False).address == "all rows"
