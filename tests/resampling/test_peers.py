"""Named splits give scikit-learn's own folds, so that published numbers repeat."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import model_selection as peers
from sklearn.linear_model import Ridge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flexcv import CrossValidation
from flexcv.dataset import make_dataset
from flexcv.datasets import load_sleepstudy
from flexcv.resampling import SplitSettings, make_plan
from flexcv.resampling.registry import resolve_method

NAMES = ["KFold", "StratifiedKFold", "GroupKFold", "StratifiedGroupKFold"]


IGNORES_GROUPS = ["KFold", "StratifiedKFold"]


def of_sklearn(name, seed, n_splits):
    return getattr(peers, name)(n_splits, shuffle=True, random_state=seed)


def folds_of(name, seed, n_splits, X, y, groups):
    given_groups = None if name in IGNORES_GROUPS else groups
    return rows_of(of_sklearn(name, seed, n_splits).split(X, y, given_groups))


def rows_of(pairs):
    return [(train.tolist(), test.tolist()) for train, test in pairs]


@settings(max_examples=15)
@given(st.sampled_from(NAMES), st.integers(0, 2**32 - 1), st.integers(0, 1000))
def test_first_repeat_has_the_folds_of_sklearn_outside_and_inside(name, seed, draw):
    rng = np.random.default_rng(draw)
    groups = rng.permutation(np.repeat(np.arange(20), rng.integers(4, 9, 20)))
    classes = rng.choice(["case", "control", "other"], len(groups))
    X = rng.normal(size=(len(groups), 2))
    method = resolve_method("split_out", name)
    given_splits = SplitSettings(method, n_splits_out=4, n_splits_in=3, n_repeats=2)
    plan = make_plan(make_dataset(X, classes, groups), given_splits, seed)
    first = [fold for fold in plan if fold.repeat == 0]
    outer = folds_of(name, seed, 4, X, classes, groups)
    assert rows_of((fold.train, fold.test) for fold in first) == outer
    for fold in first:
        held = X[fold.train], classes[fold.train], groups[fold.train]
        inner = rows_of((split.train, split.test) for split in fold.inner)
        assert inner == [
            (fold.train[train].tolist(), fold.train[test].tolist())
            for train, test in folds_of(name, seed, 3, *held)
        ]


@pytest.mark.parametrize("name", ["KFold", "GroupKFold"])
def test_scores_of_a_real_table_repeat(name):
    table = load_sleepstudy()
    X, y, groups = table[["Days"]], table["Reaction"], table["Subject"]
    run = CrossValidation().set_data(X, y, groups).set_splits(name, n_splits_out=6)
    run = run.add_model(Ridge)
    run = run.set_run(random_seed=11, silence=["groups-ignored", "groups-unused"])
    ours = run.perform().get_results().scores_of("r2")
    given_groups = None if name in IGNORES_GROUPS else groups
    theirs = cross_val_score(
        make_pipeline(StandardScaler(), Ridge()),
        X,
        y,
        groups=given_groups,
        cv=of_sklearn(name, 11, 6),
        scoring="r2",
    )
    np.testing.assert_allclose(ours["value"], theirs, rtol=1e-12)


def test_stratified_names_bin_a_continuous_target():
    y = np.random.default_rng(3).gamma(1.0, size=200)
    method = resolve_method("split_out", "StratifiedKFold")
    plan = make_plan(make_dataset(y[:, None], y), SplitSettings(method), seed=5)
    spread = [y[fold.test].mean() for fold in plan]
    shuffled = [y[test].mean() for _, test in of_sklearn("KFold", 5, 5).split(y)]
    assert np.std(spread) < np.std(shuffled) / 2


def test_later_repeats_and_larger_seeds_are_spawned():
    data = make_dataset(np.arange(40.0)[:, None], np.arange(40.0))
    plan = make_plan(data, SplitSettings(n_repeats=3), seed=2**40)
    tests = {tuple(fold.test) for fold in plan}
    assert len(tests) == len(plan) == 15


@pytest.mark.parametrize("name", ["GroupKFold", "StratifiedGroupKFold"])
def test_labels_of_two_kinds_are_groups_like_any_other(name):
    groups = np.array([1, "1", 2, "b"] * 5, dtype=object)
    splitter = resolve_method("split_out", name)
    data = make_dataset({"x": np.arange(20.0)}, np.arange(20.0), groups=groups)
    plan = make_plan(data, SplitSettings(splitter, n_splits_out=2), 0, with_inner=False)
    for fold in plan:
        assert not set(groups[fold.train]) & set(groups[fold.test])
