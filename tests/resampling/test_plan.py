import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import GroupKFold, KFold, StratifiedKFold

from flexcv import CrossValMethod
from flexcv.dataset import decide_task, make_dataset
from flexcv.errors import PlanError
from flexcv.resampling import SplitSettings, make_plan
from flexcv.resampling.plan import _runs
from flexcv.resampling.registry import needs_groups, resolve_method

COVERING = [
    method
    for method in CrossValMethod
    if method is not CrossValMethod.TIME_SERIES_SPLIT
]
GROUPED = [
    CrossValMethod.GROUP_KFOLD,
    CrossValMethod.BALANCED_GROUP_KFOLD,
    CrossValMethod.STRATIFIED_GROUP_KFOLD,
    CrossValMethod.CONTINUOUS_STRATIFIED_GROUP_KFOLD,
    CrossValMethod.LEAVE_ONE_GROUP_OUT,
]


@st.composite
def tables(draw):
    sizes = draw(st.lists(st.integers(3, 9), min_size=6, max_size=12))
    seed = draw(st.integers(0, 1000))
    rng = np.random.default_rng(seed)
    groups = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    y = rng.normal(size=len(groups)).round(draw(st.integers(0, 3)))
    X = pd.DataFrame({"x": rng.normal(size=len(groups))})
    return make_dataset(X, y, groups)


def splits_of(method, **options):
    return SplitSettings(method, n_splits_out=3, n_splits_in=2, **options)


@settings(max_examples=20)
@given(tables(), st.sampled_from(COVERING), st.integers(0, 10**6))
def test_test_parts_are_disjoint_and_cover_the_table(data, method, seed):
    plan = make_plan(data, splits_of(method), seed)
    tests = np.concatenate([fold.test for fold in plan])
    assert sorted(tests) == list(range(len(data)))
    for fold in plan:
        assert sorted([*fold.train, *fold.test]) == list(range(len(data)))


@settings(max_examples=20)
@given(tables(), st.sampled_from(list(CrossValMethod)), st.integers(0, 10**6))
def test_inner_rows_stay_inside_outer_training(data, method, seed):
    for fold in make_plan(data, splits_of(method), seed):
        assert fold.inner
        for split in fold.inner:
            assert set(split.train) | set(split.test) <= set(fold.train)
            assert not set(split.train) & set(split.test)


@settings(max_examples=20)
@given(tables(), st.sampled_from(GROUPED), st.integers(0, 10**6))
def test_group_splits_never_break_a_group_outside_or_inside(data, method, seed):
    groups = data.splitting_groups.to_numpy()
    plan = make_plan(data, splits_of(method), seed)
    assert plan.keeps_groups
    assert plan.inner_keeps_groups
    for fold in plan:
        for split in fold.splits:
            assert not set(groups[split.train]) & set(groups[split.test])


@settings(max_examples=10)
@given(tables(), st.sampled_from(list(CrossValMethod)), st.integers(0, 10**6))
def test_equal_seeds_give_equal_plans(data, method, seed):
    first = make_plan(data, splits_of(method), seed)
    second = make_plan(data, splits_of(method), seed)
    assert first.fingerprint == second.fingerprint


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"x": rng.normal(size=60)})
    return make_dataset(X, rng.normal(size=60), np.repeat(np.arange(10), 6))


def test_other_seeds_give_other_plans(data):
    settings = splits_of(CrossValMethod.KFOLD)
    assert (
        make_plan(data, settings, 1).fingerprint
        != make_plan(data, settings, 2).fingerprint
    )


def test_repeats_differ_in_folds_and_seeds(data):
    plan = make_plan(data, splits_of(CrossValMethod.GROUP_KFOLD, n_repeats=2), 0)
    assert len(plan) == 6
    assert plan.n_repeats == 2
    assert len({fold.seed for fold in plan}) == 6
    assert sorted(plan.folds[0].test) != sorted(plan.folds[3].test)


def test_more_repeats_leave_the_first_ones_alone(data):
    one = make_plan(data, splits_of(CrossValMethod.KFOLD), 0)
    two = make_plan(data, splits_of(CrossValMethod.KFOLD, n_repeats=2), 0)
    for a, b in zip(one, two, strict=False):
        np.testing.assert_array_equal(a.test, b.test)
        assert a.seed == b.seed


@pytest.mark.parametrize(
    "splitter", [KFold(3), GroupKFold(3), KFold(3, shuffle=True, random_state=1)]
)
def test_repeats_of_a_deterministic_splitter_are_refused(data, splitter):
    settings = SplitSettings(splitter, n_repeats=2)
    with pytest.raises(PlanError, match="gives the same folds each time"):
        make_plan(data, settings, 0)


def test_a_given_splitter_gives_its_own_folds(data):
    plan = make_plan(data, SplitSettings(GroupKFold(3)), 0)
    groups = data.splitting_groups
    expected = list(GroupKFold(3).split(data.features, data.target, groups))
    for fold, (train, test) in zip(plan, expected, strict=True):
        np.testing.assert_array_equal(fold.train, train)
        np.testing.assert_array_equal(fold.test, test)


def test_the_inner_split_follows_how_a_given_splitter_treats_groups(data):
    grouped = make_plan(data, SplitSettings(GroupKFold(3)), 0)
    mixed = make_plan(data, SplitSettings(KFold(3)), 0)
    assert (grouped.inner, mixed.inner) == ("GroupKFold", "KFold")
    assert grouped.inner_keeps_groups


def test_pairs_that_keep_groups_get_a_grouped_inner_split(data):
    pairs = [(np.arange(30), np.arange(30, 60)), (np.arange(30, 60), np.arange(30))]
    settings = SplitSettings(resolve_method("split_out", iter(pairs)))
    plan = make_plan(data, settings, 0)
    assert plan.keeps_groups
    assert plan.inner == "GroupKFold"


def test_the_question_is_named(data):
    without = make_dataset(data.features, data.target)
    assert (
        make_plan(data, splits_of(CrossValMethod.KFOLD), 0).question == "known groups"
    )
    assert (
        make_plan(data, splits_of(CrossValMethod.GROUP_KFOLD), 0).question
        == "new groups"
    )
    assert make_plan(without, splits_of(CrossValMethod.KFOLD), 0).question == "new rows"


def test_a_stratified_name_copes_with_a_continuous_target(data):
    for method in (
        CrossValMethod.STRATIFIED_KFOLD,
        CrossValMethod.STRATIFIED_GROUP_KFOLD,
    ):
        assert len(make_plan(data, splits_of(method), 0)) == 3


def test_the_frame_has_a_row_per_split(data):
    frame = make_plan(data, splits_of(CrossValMethod.KFOLD), 0).to_frame()
    assert list(frame) == ["repeat", "fold", "inner", "n_train", "n_test"]
    assert len(frame) == 3 * (1 + 2)
    assert (frame.query("inner == -1")["n_test"] == 20).all()


def test_the_first_fold_alone_is_the_same_first_fold(data):
    all_folds = make_plan(data, splits_of(CrossValMethod.KFOLD), 0)
    first = make_plan(data, splits_of(CrossValMethod.KFOLD, first_fold_only=True), 0)
    assert len(first) == 1
    np.testing.assert_array_equal(first.folds[0].test, all_folds.folds[0].test)


def refusal(data, settings):
    with pytest.raises(PlanError) as caught:
        make_plan(data, settings, 0)
    return str(caught.value)


def test_more_folds_than_groups_say_so(data):
    assert refusal(
        data, SplitSettings(CrossValMethod.GROUP_KFOLD, n_splits_out=11)
    ) == (
        "`split_out`: GroupKFold cannot split these 60 rows: 11 folds of whole groups "
        "need at least as many groups, got 10; lower the number of splits."
    )


def test_an_impossible_inner_split_names_its_fold(data):
    settings = SplitSettings(CrossValMethod.GROUP_KFOLD, n_splits_out=2, n_splits_in=6)
    with pytest.raises(PlanError, match="6 folds of whole groups need") as caught:
        make_plan(data, settings, 0)
    assert caught.value.__notes__ == [
        "while making the inner splits of repeat 0, fold 0"
    ]


@pytest.mark.parametrize("method", [m for m in CrossValMethod if needs_groups(m)])
def test_group_splitters_need_groups(data, method):
    message = refusal(make_dataset(data.features, data.target), SplitSettings(method))
    assert message == (
        f"split_out='{method.value}' splits by groups but the data have none; "
        "pass `groups` to set_data or choose 'KFold'."
    )


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([([0, 1], [60])], "fold 0 of 1 index pairs names row 60 of a table with 60 rows; use positions from 0."),
        ([([0, 1], [-1])], "fold 0 of 1 index pairs names row -1 of a table with 60 rows; use positions from 0."),
        ([([0, 1], [1, 2])], "fold 0 of 1 index pairs has rows in training and test at once; make them disjoint."),
        ([([0, 1], [])], "fold 0 of 1 index pairs has an empty training or test part."),
        ([([0, 1], [2, 2])], "fold 0 of 1 index pairs names a test row more than once."),
        ([], "0 index pairs gave no folds; pass at least one."),
    ],
)  # fmt: skip
def test_impossible_pairs_are_refused(data, pairs, message):
    settings = SplitSettings(resolve_method("split_out", pairs))
    assert refusal(data, settings) == f"`split_out`: {message}"


def test_a_class_splitter_with_a_continuous_target_is_refused_with_its_reason(data):
    with pytest.raises(PlanError, match="Supported target types"):
        make_plan(data, SplitSettings(StratifiedKFold(3)), 0)


# -- classes --


@pytest.mark.parametrize(
    "method", ["StratifiedKFold", "StratifiedGroupKFold", "ConcatenatedStratifiedKFold"]
)
def test_stratified_splits_share_text_classes_and_many_whole_numbers(method):
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 4)
    for y in (np.array(["a", "b", "c"])[groups % 3], groups % 15):
        data = make_dataset(pd.DataFrame({"x": rng.normal(size=240)}), y, groups)
        task = decide_task(data.target, {"m": DummyClassifier()})
        plan = make_plan(
            data.with_task(task), splits_of(resolve_method("split_out", method)), seed=1
        )
        for fold in plan:
            for split in fold.splits:
                counts = pd.Series(y[split.test]).value_counts()
                assert len(counts) == len(task.classes)
                assert counts.max() <= 3 * counts.min()


@given(st.lists(st.integers(0, 9), min_size=1, max_size=8))
def test_runs_of_rows_say_what_the_rows_say(rows):
    runs = _runs(np.array(rows))
    again = [row for first, last in runs.tolist() for row in range(first, last + 1)]
    assert again == rows
