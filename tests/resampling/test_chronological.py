"""Laws of splits by time: the order of rows is nothing, the order of time is kept."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import TimeSeriesSplit

from flexcv.dataset import make_dataset
from flexcv.resampling.chronological import split_in_time
from flexcv.resampling.clock import make_clock


@st.composite
def panels(draw):
    """Rows of some groups at some times, with ties and gaps, in any order."""
    n_rows = draw(st.integers(12, 60))
    seed = draw(st.integers(0, 10**6))
    rng = np.random.default_rng(seed)
    times = np.concatenate([np.arange(9), rng.integers(-20, 20, n_rows)])
    groups = np.concatenate([np.zeros(9, int), rng.integers(0, 5, n_rows)])
    return pd.DataFrame({"x": rng.permutation(len(times)), "t": times, "g": groups})


def folds_of(table, splitter, within):
    data = make_dataset(table, np.arange(len(table)), "g", extra="t")
    return list(split_in_time(splitter, make_clock(data, "t", within)))


SPLITTERS = st.sampled_from(
    [
        TimeSeriesSplit(2),
        TimeSeriesSplit(4),
        TimeSeriesSplit(3, gap=1),
        TimeSeriesSplit(2, test_size=2),
        TimeSeriesSplit(3, max_train_size=2),
    ]
)
WITHIN = st.sampled_from(["table", "groups"])


@settings(max_examples=60)
@given(panels(), SPLITTERS, WITHIN, st.randoms(use_true_random=False))
def test_any_order_of_the_rows_gives_the_same_folds(table, splitter, within, random):
    order = np.array(random.sample(range(len(table)), len(table)))
    first = folds_of(table, splitter, within)
    other = folds_of(table.iloc[order].reset_index(drop=True), splitter, within)
    for one, two in zip(first, other, strict=True):
        for part, shuffled in zip(one, two, strict=True):
            assert part.tolist() == sorted(order[shuffled])


@settings(max_examples=60)
@given(panels(), SPLITTERS)
def test_no_training_row_is_as_late_as_a_test_row(table, splitter):
    times = table["t"].to_numpy()
    for train, test in folds_of(table, splitter, "table"):
        assert len(train)
        assert len(test)
        assert times[train].max() < times[test].min()


@settings(max_examples=60)
@given(panels(), SPLITTERS)
def test_no_training_row_is_as_late_as_a_test_row_of_its_group(table, splitter):
    for train, test in folds_of(table, splitter, "groups"):
        assert len(train)
        assert len(test)
        last = table.iloc[train].groupby("g")["t"].max()
        first = table.iloc[test].groupby("g")["t"].min()
        assert first.index.isin(last.index).all()
        assert (last[first.index] < first).all()


@settings(max_examples=40)
@given(panels(), SPLITTERS, WITHIN)
def test_a_row_is_tested_once_at_most_and_never_in_training_then(
    table, splitter, within
):
    folds = folds_of(table, splitter, within)
    tested = np.concatenate([test for _, test in folds])
    assert len(set(tested)) == len(tested)
    for train, test in folds:
        assert not set(train) & set(test)


@settings(max_examples=40)
@given(st.integers(8, 40), SPLITTERS, st.randoms(use_true_random=False))
def test_different_times_give_the_folds_of_scikit_learn_on_the_sorted_table(
    n_rows, splitter, random
):
    times = np.array(random.sample(range(100), n_rows))
    table = pd.DataFrame({"x": 0.0, "t": times, "g": 0})
    order = np.argsort(times)
    expected = splitter.split(order)
    for own, theirs in zip(folds_of(table, splitter, "table"), expected, strict=True):
        for part, rows in zip(own, theirs, strict=True):
            assert part.tolist() == sorted(order[rows])


def test_a_group_with_few_times_is_tested_last_and_one_with_a_single_time_never():
    table = pd.DataFrame({"x": 0.0, "t": [0, 1, 2, 3, 0, 1, 7], "g": list("aaaabbc")})
    folds = [(a.tolist(), b.tolist()) for a, b in folds_of(table, TimeSeriesSplit(3), "groups")]  # fmt: skip
    assert folds == [
        ([0, 4, 6], [1]),
        ([0, 1, 4, 6], [2]),
        ([0, 1, 2, 4, 6], [3, 5]),
    ]


def test_too_few_times_are_told():
    table = pd.DataFrame({"x": 0.0, "t": [0, 1, 1, 0], "g": list("aabb")})
    with pytest.raises(ValueError, match="folds in time") as refusal:
        folds_of(table, TimeSeriesSplit(2), "table")
    assert str(refusal.value) == (
        "2 folds in time need more different times than that in 't', and there are 2; "
        "lower the number of splits."
    )
    with pytest.raises(ValueError, match="a 'g' has at most 2; lower"):
        folds_of(table, TimeSeriesSplit(2), "groups")
