"""Rows in the order of time."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from flexcv import CrossValidation
from flexcv.preflight.order import time_order

from .setups import findings, setup_of

RNG = np.random.default_rng(5)
ROWS = 120
STEPS = RNG.normal(size=ROWS)
DRIFT = np.zeros(ROWS)
for row in range(1, ROWS):
    DRIFT[row] = 0.9 * DRIFT[row - 1] + STEPS[row]
X = RNG.normal(size=ROWS)
DAYS = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(ROWS), "D")


def test_rows_that_resemble_their_neighbours_are_named():
    (level, text), *others = findings(time_order, setup_of(X + DRIFT, {"x": X}))
    assert (level, others) == ("warn", [])
    assert text.startswith("by the order of rows neighbours are alike (correlation 0.")
    assert "for that use 'TimeSeriesSplit', and if neighbours are of one unit" in text


def test_a_split_that_goes_with_time_needs_no_word():
    setup = setup_of(X + DRIFT, {"x": X}, split="TimeSeriesSplit")
    assert not findings(time_order, setup)


def test_rows_in_any_order_need_no_word():
    mixed = RNG.permutation(ROWS)
    assert not findings(time_order, setup_of((X + DRIFT)[mixed], {"x": X[mixed]}))


def test_neighbours_are_compared_in_the_order_of_dates():
    mixed = RNG.permutation(ROWS)
    columns = {"x": X[mixed], "day": DAYS[mixed]}
    found = findings(time_order, setup_of((X + DRIFT)[mixed], columns))
    assert [level for level, _ in found] == ["warn"]
    assert found[0][1].startswith("by dates in 'day' neighbours are alike")
    found = findings(time_order, setup_of(X, columns))
    assert [level for level, _ in found] == ["note"]


def test_dates_that_no_model_sees_count_as_well():
    mixed = RNG.permutation(ROWS)
    table = pd.DataFrame({"x": X, "y": X + DRIFT, "day": DAYS}).iloc[mixed]
    cv = CrossValidation().set_data(table, "y", extra="day").add_model(Ridge)
    found = cv.check().set_index("name").loc["time-order"]
    assert found["level"] == "warn"
    assert "use 'TimeSeriesSplit' and time='day', and if" in found["message"]
    assert "time-order" not in set(cv.set_splits("TimeSeriesSplit").check()["name"])


@pytest.mark.parametrize(
    ("y", "columns"),
    [
        (np.sort(X), {"x": RNG.normal(size=ROWS)}),  # sorted by the target
        (np.sin(np.arange(ROWS) / 9), {"dose": np.arange(ROWS) / 9}),  # by a feature
        (np.repeat(RNG.normal(size=4), 30) + X, {"site": np.repeat(list("abcd"), 30)}),
        (
            np.repeat(RNG.normal(size=30), 4),
            {"who": np.repeat(np.arange(30), 4).astype(str)},
        ),
        (np.append([9.0, 9.0], X[2:]), {"x": X}),  # two odd rows
        (2 * X, {"x": X}),  # nothing is left
    ],
)
def test_tables_that_are_sorted_otherwise_need_no_word(y, columns):
    assert not findings(time_order, setup_of(y, columns))


def test_new_groups_are_new_whatever_the_time():
    group = pd.Series(np.repeat(np.arange(12), 10), name="who")
    setup = setup_of(X + DRIFT, {"x": X}, split="GroupKFold", groups=group)
    assert not findings(time_order, setup)
