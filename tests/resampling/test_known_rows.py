"""Which rows become known: laws of the choice, and what is refused."""

import numpy as np
import pytest

from flexcv.dataset import make_dataset
from flexcv.errors import PlanError
from flexcv.resampling import CrossValMethod, SplitSettings, make_plan
from flexcv.resampling.known_rows import check_counts


def data_of(sizes=(6, 6, 6, 2), seed=0):
    """Make a table of groups of given sizes, whose rows and days are shuffled."""
    groups = np.repeat(np.arange(len(sizes)), sizes)
    days = np.concatenate([np.arange(size) for size in sizes])
    order = np.random.default_rng(seed).permutation(len(groups))
    table = {"x": np.arange(len(groups)), "day": days[order]}
    return make_dataset(table, table["x"], groups=groups[order])


def plan_of(data, counts=(0, 1, 3), **settings):
    outer = CrossValMethod.GROUP_KFOLD
    made = SplitSettings(outer, n_splits_out=2, known_rows=counts, **settings)
    return make_plan(data, made, seed=1, with_inner=False)


def test_the_first_rows_in_time_become_known():
    data = data_of()
    for fold in plan_of(data, time="day", time_within="groups"):
        days = data.features["day"].to_numpy()
        assert (days[fold.known_rows.known(1)] == 0).all()
        assert (days[fold.known_rows.known(3)] < 3).all()
        assert (days[fold.known_rows.asked] >= 3).all()


@pytest.mark.parametrize("time", [{}, {"time": "day", "time_within": "groups"}])
def test_known_rows_are_nested_and_never_asked(time):
    data = data_of()
    for fold in plan_of(data, **time):
        given = fold.known_rows
        assert set(given.known(1)) < set(given.known(3)) <= set(fold.test)
        assert not set(given.known(3)) & set(given.asked)
        codes = data.group_codes()
        assert set(np.bincount(codes[given.known(3)])) <= {0, 3}


def test_groups_without_a_further_row_take_no_part():
    data = data_of()
    small = np.flatnonzero(data.groups.iloc[:, 0] == 3)
    for fold in plan_of(data):
        assert not set(small) & {*fold.known_rows.given, *fold.known_rows.asked}


def test_a_seed_decides_which_rows_are_drawn():
    data = data_of((20, 20, 20))
    one, same = plan_of(data), plan_of(data)
    assert one.fingerprint == same.fingerprint
    other = plan_of(data, (0, 1, 2))
    assert other.fingerprint != one.fingerprint


def test_known_rows_are_part_of_the_fingerprint():
    plan = plan_of(data_of(), ())
    assert plan.fingerprint != plan_of(data_of()).fingerprint
    assert all(fold.known_rows is None for fold in plan)


def test_counts_are_sorted_and_named_once():
    assert check_counts((5, 0, 1, 5)) == (0, 1, 5)
    assert check_counts(2) == (2,)
    assert check_counts(range(3)) == (0, 1, 2)
    assert check_counts(()) == ()


@pytest.mark.parametrize("wrong", [(-1, 2), (0.5,), "12", True, (True,)])
def test_what_is_no_count_is_refused(wrong):
    with pytest.raises(ValueError, match="`known_rows` must be whole numbers from 0"):
        check_counts(wrong)


def test_a_split_that_trains_on_test_groups_is_refused():
    settings = SplitSettings(CrossValMethod.KFOLD, n_splits_out=2, known_rows=(0, 1))

    with pytest.raises(PlanError) as caught:
        make_plan(data_of(), settings, seed=0)

    assert str(caught.value) == (
        "`known_rows` asks about groups that training did not show but the split "
        "trains on test groups; pass `groups` to set_data and split by 'GroupKFold'."
    )


def test_a_table_without_groups_is_refused():
    data = make_dataset({"x": range(6)}, range(6))
    settings = SplitSettings(CrossValMethod.KFOLD, n_splits_out=2, known_rows=(0, 1))

    with pytest.raises(PlanError, match="but the split has no groups"):
        make_plan(data, settings, seed=0)


def test_more_known_rows_than_any_group_has_are_refused():
    with pytest.raises(PlanError) as caught:
        plan_of(data_of(), (0, 6))

    assert str(caught.value) == (
        "`known_rows` goes up to 6 and no group has more rows than that, so none are "
        "left to predict; ask for fewer."
    )
