"""When each row was, from whatever a column holds."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from flexcv.dataset import make_dataset
from flexcv.errors import PlanError
from flexcv.resampling.clock import make_clock

DAYS = [dt.date(2026, 3, day) for day in (3, 1, 2, 1)]
STAMPS = pd.to_datetime(pd.Series(DAYS))
ORDERED = pd.CategoricalDtype(["first", "second", "third"], ordered=True)
KINDS = {
    "whole numbers": [2021, 2019, 2020, 2019],
    "numbers": [0.5, -1.0, 0.0, -1.0],
    "nullable": pd.array([3, 1, 2, 1], dtype="Int64"),
    "decimals": [Decimal(3), Decimal(1), Decimal(2), Decimal(1)],
    "dates of datetime": DAYS,
    "datetimes": [dt.datetime(d.year, d.month, d.day) for d in DAYS],
    "timestamps": STAMPS,
    "timestamps of a zone": STAMPS.dt.tz_localize("Europe/Berlin"),
    "periods": STAMPS.dt.to_period("D"),
    "durations": STAMPS - STAMPS[0],
    "ordered categories": pd.Categorical(["third", "first", "second", "first"], dtype=ORDERED),
}  # fmt: skip


def dataset(times, groups=None):
    extra = pd.DataFrame({"when": times})
    return make_dataset(
        {"x": range(len(extra))}, range(len(extra)), groups, extra=extra
    )


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_one_time_share_a_place(kind):
    clock = make_clock(dataset(KINDS[kind]), "when")
    assert clock.places.tolist() == [2, 0, 1, 0]


def test_arrow_dates_are_dates():
    pa = pytest.importorskip("pyarrow")
    times = pd.array(DAYS, dtype=pd.ArrowDtype(pa.date32()))
    assert make_clock(dataset(times), "when").places.tolist() == [2, 0, 1, 0]


def test_each_group_counts_its_own_times():
    data = dataset([5, 9, 5, 7, 9, 1], groups=list("bababb"))
    clock = make_clock(data, "when", "groups")
    assert clock.places.tolist() == [1, 1, 1, 0, 2, 0]
    assert clock.owner_name == "group"


def test_a_feature_or_a_grouping_column_may_say_when():
    table = pd.DataFrame({"day": [2, 1], "year": [2021, 2020], "y": [0.0, 1.0]})
    data = make_dataset(table, "y", "year")
    for name in ("day", "year"):
        assert make_clock(data, name).places.tolist() == [1, 0]


def test_a_later_training_row_is_found_with_the_test_row_that_it_is_later_than():
    clock = make_clock(dataset([1, 4, 2, 3]), "when")
    assert clock.later(np.array([0, 1]), np.array([3, 2])) == (1, 2)
    assert clock.later(np.array([0, 2]), np.array([3, 1])) is None
    assert clock.later(np.array([0]), np.array([0])) is None


def test_a_row_that_is_later_than_one_of_another_group_is_none_by_own_clocks():
    data = dataset([1, 2, 8, 9], groups=list("aabb"))
    clock = make_clock(data, "when", "groups")
    assert clock.later(np.array([0, 2]), np.array([1, 3])) is None
    assert clock.later(np.array([0, 3]), np.array([1, 2])) == (3, 2)


REFUSED = {
    "another name": (
        [1, 2], "whem", "table",
        "`time` names 'whem', which is no column of the data; did you mean 'when'?",
    ),
    "no name": (
        [1, 2], "date", "table",
        "`time` names 'date', which is no column of the data; name a feature, or pass "
        "the column to set_data(extra=...).",
    ),
    "no groups": (
        [1, 2], "when", "groups",
        "time_within='groups' gives each group a clock of its own but the data have no "
        "groups; pass `groups` to set_data, or leave `time_within` out.",
    ),
    "missing": (
        [1.0, None], "when", "table",
        "`time` column 'when' has 1 missing value(s); drop those rows from all inputs, "
        "or say when they were.",
    ),
    "texts": (
        ["1.2.2026", "12.1.2026"], "when", "table",
        "`time` column 'when' must hold dates or numbers, got texts such as "
        "'1.2.2026'; convert it, for example with pd.to_datetime.",
    ),
    "texts of categories": (
        pd.Categorical(["a", "b"]), "when", "table",
        "`time` column 'when' must hold dates or numbers, got categories without "
        "order; convert it, for example with pd.to_datetime.",
    ),
    "truth values": (
        [True, False], "when", "table",
        "`time` column 'when' must hold dates or numbers, got values of bool; convert "
        "it, for example with pd.to_datetime.",
    ),
    "kinds that do not compare": (
        [dt.date(2026, 1, 1), dt.timedelta(1)], "when", "table",
        "`time` column 'when' must hold dates or numbers, got values of several kinds; "
        "convert it, for example with pd.to_datetime.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_says_no_time_is_refused_in_one_sentence(case):
    times, name, within, message = REFUSED[case]
    with pytest.raises(PlanError) as refusal:
        make_clock(dataset(times), name, within)
    assert str(refusal.value) == message
