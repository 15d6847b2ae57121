"""What a plan answers is counted, factor by factor."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import TimeSeriesSplit

from flexcv.dataset import make_dataset
from flexcv.datasets import load_pastes, load_penicillin
from flexcv.resampling import Split, SplitSettings, make_plan
from flexcv.resampling.questions import (
    are_known,
    known_shares,
    percent,
    plan_name,
    question,
    trains_on_the_rest,
)
from flexcv.resampling.registry import resolve_method


def plan_of(table, groups, outer, **options):
    data = make_dataset(np.zeros((len(table), 1)), np.arange(len(table)), table[groups])
    method = resolve_method("split_out", outer)
    return make_plan(data, SplitSettings(method, **options), 0)


def test_plates_are_new_and_samples_known_where_they_are_crossed():
    plan = plan_of(load_penicillin(), ["plate", "sample"], "GroupKFold")
    assert plan.known == {"plate": 0.0, "sample": 1.0}
    assert plan.question == "rows of a new plate and a known sample"
    assert plan.name == "new plate, known sample"
    assert plan.keeps_groups
    assert plan.inner_known == plan.known


def test_casks_are_new_with_their_batch_where_they_are_nested():
    table = load_pastes()
    plan = plan_of(table, ["batch", "sample"], "GroupKFold")
    assert plan.known == {"batch": 0.0, "sample": 0.0}
    assert plan.question == "rows of a new batch and a new sample"


def test_a_split_by_row_order_of_a_panel_is_counted_and_not_named():
    table = pd.DataFrame({"id": np.repeat(np.arange(12), 20)})
    plan = plan_of(table, ["id"], TimeSeriesSplit(4))
    assert plan.known["id"] == pytest.approx(40 / 192)
    assert plan.question == "partly known groups (21 % of test rows)"
    assert not plan.keeps_groups


def test_a_group_of_one_row_is_new_under_any_split():
    table = pd.DataFrame({"id": [0, 1, *np.repeat(2, 18)]})
    plan = plan_of(table, ["id"], "KFold")
    assert plan.known == {"id": 0.9}
    assert plan.name == "known groups"
    assert plan.question == "known groups (90 % of test rows)"


def test_the_first_fold_alone_is_counted_alone():
    table = pd.DataFrame({"id": [0, 0, 1, 1, 1, 1]})
    pairs = [([0, 2], [1]), ([0, 1], [2, 3])]
    assert plan_of(table, ["id"], pairs, n_splits_in=2).known == {"id": 1 / 3}
    first = plan_of(table, ["id"], pairs, n_splits_in=2, first_fold_only=True)
    assert first.known == {"id": 1.0}


@given(st.integers(0, 10**6))
def test_shares_are_those_of_a_count_row_by_row(seed):
    rng = np.random.default_rng(seed)
    groups = pd.DataFrame(rng.integers(0, 6, (30, 2)), columns=["a", "b"])
    splits = []
    for _ in range(3):
        order = rng.permutation(30)
        splits.append(Split(order[:12], order[12 : 12 + rng.integers(1, 18)]))
    counted = known_shares(groups, splits)
    for name in groups:
        labels = groups[name].to_numpy()
        known = [labels[row] in labels[s.train] for s in splits for row in s.test]
        assert counted[name] == pytest.approx(np.mean(known))


def test_names_and_questions_say_what_is_known():
    assert plan_name({"g": 0.5}) == "partly known groups"
    assert question({}) == "new rows"
    assert question({"a": 0.0, "b": 0.25, "c": 1.0}) == (
        "rows of a new a, a partly known b (25 % of test rows) and a known c"
    )


@pytest.mark.parametrize("share", [1e-9, 0.004, 0.996, 1 - 1e-9])
def test_a_share_that_is_neither_is_never_shown_as_none_or_all(share):
    assert percent(share) in {"1 %", "99 %"}


@given(
    st.lists(st.integers(0, 4), min_size=2, max_size=30),
    st.integers(0, 1000),
    st.booleans(),
)
def test_shares_are_counted_alike_from_the_rest_and_from_the_rows(
    codes, seed, all_left
):
    rng = np.random.default_rng(seed)
    groups = np.array(codes)
    is_test = rng.random(len(groups)) < 0.4
    is_test[:2] = True, False
    train, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    split = Split(train if all_left else train[:-1], test)
    assert trains_on_the_rest(split, len(groups)) is all_left
    known = are_known(groups, split.train, test).mean()
    assert known_shares(pd.DataFrame({"g": groups}), [split]) == {"g": known}


def test_rows_that_train_twice_are_not_taken_for_the_rest():
    split = Split(np.array([0, 0]), np.array([1]))
    assert not trains_on_the_rest(split, 3)
