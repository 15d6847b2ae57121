"""What a splitter of the user's own sees, and splits by time that are none."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import LeaveOneGroupOut, TimeSeriesSplit

from flexcv.dataset import make_dataset
from flexcv.errors import PlanError
from flexcv.resampling import SplitSettings, make_plan
from flexcv.resampling.registry import resolve_method


class Seen:
    """Keeps what it was shown, and holds out what came late."""

    def __init__(self, column="date", late=None):
        self.column, self.late, self.shown = column, late, []

    def split(self, X, y=None, groups=None):
        self.shown.append((X, y, groups))
        late = X[self.column] > (
            X[self.column].median() if self.late is None else self.late
        )
        X["mine"] = 0  # a splitter may write on what it is shown
        yield np.flatnonzero(~late), np.flatnonzero(late)

    def __repr__(self):
        return "Seen()"


def panel(index=None):
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"x": rng.normal(size=60), "day": np.tile(np.arange(10), 6)})
    table["id"] = np.repeat(list("abcdef"), 10)
    table["ward"] = np.tile(list("uv"), 30)
    table["date"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(table["day"], "D")
    table["y"] = rng.normal(size=60)
    return table if index is None else table.set_index(index(table))


def plan_of(table, outer, inner=None, **options):
    data = make_dataset(table, "y", ["id", "ward"], extra="date")
    methods = resolve_method("split_out", outer), inner
    return make_plan(data, SplitSettings(*methods, **options), 0)


def test_a_splitter_sees_features_groups_and_extra_columns_by_name():
    splitter = Seen()
    plan = plan_of(panel(), splitter, n_splits_in=2)
    X, y, groups = splitter.shown[0]
    assert list(X)[:5] == ["x", "day", "id", "ward", "date"]
    assert isinstance(y, np.ndarray)
    assert groups.name == "id"
    assert groups.tolist() == panel()["id"].tolist()
    assert plan.reads == ("date",)


def test_inside_rows_are_numbered_anew_so_that_labels_are_positions():
    splitter = Seen("day")
    plan_of(panel(lambda t: t.index[::-1]), Seen("day"), splitter, n_splits_in=2)
    X, _, groups = splitter.shown[0]
    assert X.index.equals(pd.RangeIndex(len(X)))
    assert [groups[row] for row in range(len(X))] == groups.tolist()
    assert X["id"].tolist() == groups.tolist()


def test_an_index_of_dates_stays():
    splitter = Seen("day")
    plan_of(panel(lambda t: pd.DatetimeIndex(t["date"])), splitter, n_splits_in=2)
    X, _, groups = splitter.shown[0]
    assert isinstance(X.index, pd.DatetimeIndex)
    assert groups.index.equals(X.index)


def test_what_a_splitter_writes_stays_its_own():
    table = make_dataset(panel(), "y", extra=["id", "ward", "date"])
    make_plan(table, SplitSettings(Seen(), n_splits_in=2), 0)
    features = make_dataset(panel()[["x", "y", "day"]], "y")
    make_plan(features, SplitSettings(Seen("day"), n_splits_in=2), 0)
    assert list(features.features) == ["x", "day"]


@pytest.mark.parametrize("index", [None, lambda t: t.index[::-1]])
def test_splitters_of_scikit_learn_take_groups_of_any_kind(index):
    table = panel(index)
    table["id"] = table["id"].astype("category")
    plan = plan_of(table, LeaveOneGroupOut(), n_splits_in=2)
    assert len(plan) == 6
    assert plan.keeps_groups


def test_a_column_that_a_splitter_does_not_find_is_told_with_those_it_has():
    with pytest.raises(PlanError) as refusal:
        plan_of(panel(), Seen("dat"))
    assert str(refusal.value) == (
        "`split_out`: Seen() looks for 'dat', which these 60 rows do not have; as `X` it "
        "sees the columns 'x', 'day', 'id', 'ward', 'date'."
    )


def test_named_splits_read_no_extra_column_but_time():
    assert plan_of(panel(), "KFold").reads == ()
    assert plan_of(panel(), "TimeSeriesSplit", time="date", n_splits_in=2).reads == ("date",)  # fmt: skip
    assert plan_of(panel(), "TimeSeriesSplit", time="day", n_splits_in=2).reads == ()


@given(st.permutations(range(60)))
def test_any_order_of_the_rows_gives_the_same_plan(order):
    settings = {"time": "date", "n_splits_out": 3, "n_splits_in": 2}
    order = np.array(order)
    first = plan_of(panel(), "TimeSeriesSplit", **settings)
    other = plan_of(panel().iloc[order], "TimeSeriesSplit", **settings)
    for one, two in zip(first, other, strict=True):
        for split, shuffled in zip(one.splits, two.splits, strict=True):
            assert split.train.tolist() == sorted(order[shuffled.train])
            assert split.test.tolist() == sorted(order[shuffled.test])


def test_outside_and_inside_no_training_row_is_later_than_a_test_row():
    table = panel().sample(frac=1.0, random_state=1)
    for splitter in ("TimeSeriesSplit", TimeSeriesSplit(3), Seen()):
        plan = plan_of(table, splitter, time="date", n_splits_out=3, n_splits_in=2)
        dates = table["date"].to_numpy()
        for fold in plan:
            assert fold.inner
            for split in fold.splits:
                assert dates[split.train].max() <= dates[split.test].min()


def test_groups_may_have_clocks_of_their_own():
    table = panel()
    table["date"] += pd.to_timedelta(
        table["id"].map(ord) * 30, "D"
    )  # one after another
    options = {"time": "date", "n_splits_out": 3, "n_splits_in": 2}
    plan = plan_of(table, "TimeSeriesSplit", time_within="groups", **options)
    assert plan.known == {"id": 1.0, "ward": 1.0}
    by_table = plan_of(table, "TimeSeriesSplit", **options)
    assert by_table.known["id"] < 0.3
    assert repr(plan) == (
        "<Plan: 3 folds by TimeSeriesSplit, inside TimeSeriesSplit, 60 rows in the order "
        "of 'date' of each 'id'; answers: how good for rows of a known id and a known "
        "ward>"
    )


def test_a_split_by_time_that_is_none_is_refused_with_two_rows():
    pairs = [([0, 1], [2]), ([0, 15], [3, 4])]
    with pytest.raises(PlanError) as refusal:
        plan_of(panel(), pairs, time="day")
    assert str(refusal.value) == (
        "`split_out`: 2 index pairs is no split by time: fold 1 trains on row 15 (day "
        "5), which is later than its test row 3 (day 3); use 'TimeSeriesSplit', which "
        "cuts by `time`, set time_within='groups' where each group has its own clock, "
        "or leave `time` out."
    )
    with pytest.raises(PlanError, match="KFold is no split by time"):
        plan_of(panel(), "KFold", time="day")
    with pytest.raises(PlanError, match=r"test row 3 \(day 3\) of the same 'id'; use"):
        plan_of(panel(), [([0, 5], [3])], time="day", time_within="groups")
    whole = plan_of(
        panel(), "GroupKFold", time="day", time_within="groups", n_splits_in=2
    )
    assert whole.keeps_groups


@pytest.mark.parametrize("outer", ["TimeSeriesSplit", TimeSeriesSplit(2), Seen()])
def test_repeats_of_a_split_by_time_are_told(outer):
    with pytest.raises(PlanError, match="of which there is one") as refusal:
        plan_of(panel(), outer, time="date", n_repeats=3, n_splits_in=2)
    assert str(refusal.value).startswith("`n_repeats` is 3 but ")
    assert str(refusal.value).endswith(
        " follows the order in time, of which there is one, so every repeat would give "
        "the same folds; set n_repeats=1."
    )


def test_a_clock_without_a_time_is_refused():
    with pytest.raises(ValueError, match="says whose clock `time` is but no `time`"):
        SplitSettings(time_within="groups")
    with pytest.raises(ValueError, match="`time_within` must be one of"):
        SplitSettings(time="day", time_within="id")


def test_too_few_dates_inside_name_the_argument():
    with pytest.raises(PlanError) as refusal:
        plan_of(panel(), "TimeSeriesSplit", time="date", n_splits_in=5)
    assert str(refusal.value) == (
        "`split_in`: TimeSeriesSplit cannot split these 30 rows: 5 folds in time need "
        "more different times than that in 'date', and there are 5; lower the number of "
        "splits."
    )
