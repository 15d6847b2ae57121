"""A split by row order that nothing calls the order of time."""

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution
from sklearn.linear_model import Ridge
from sklearn.model_selection import TimeSeriesSplit

from flexcv import CrossValidation

NAMES = ("time-unnamed", "inner-split-late")


@pytest.fixture
def panel():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"day": np.tile(np.arange(20), 12), "x": rng.normal(size=240)})
    table["id"] = np.repeat(np.arange(12), 20)
    table["y"] = table["x"] + 0.1 * table["day"] + rng.normal(size=240)
    table["date"] = pd.Timestamp("2026-01-01") + pd.to_timedelta(table["day"], "D")
    return table


def found(table, groups=None, extra=None, split="TimeSeriesSplit", **options):
    cv = CrossValidation().set_data(table, "y", groups, extra=extra)
    params = {"alpha": FloatDistribution(0.1, 10.0)}
    cv = cv.set_splits(split, n_splits_out=3, n_splits_in=2, **options)
    findings = cv.add_model(Ridge, params=params).check()
    return [tuple(row[1:]) for row in findings.itertuples() if row.name in NAMES]


def test_rows_that_are_not_in_the_order_of_a_date_are_told(panel):
    expected = (
        "time-unnamed",
        "warn",
        "TimeSeriesSplit takes rows in the order of the table, which is not that of "
        "'date'; pass time='date' to set_splits, so that no training row is later than "
        "a test row.",
    )
    assert found(panel, "id", "date") == [expected]
    assert found(panel, "id", "date", TimeSeriesSplit(3)) == [expected]


def test_rows_of_groups_have_to_be_put_in_one_order(panel):
    table = panel.drop(columns="date")
    assert found(table, "id") == [
        (
            "time-unnamed",
            "warn",
            "TimeSeriesSplit takes rows in the order of the table, and nothing says "
            "that rows of all 'id' stand in one order of time; pass the column that "
            "says when as time= to set_splits.",
        )
    ]


def test_rows_without_groups_get_a_note(panel):
    table = panel.drop(columns=["date", "id"])
    [(_, level, message)] = found(table)
    assert level == "note"
    assert message.endswith(
        "nothing says that it is that of time; pass the column that says when as time= "
        "to set_splits."
    )


@pytest.mark.parametrize(
    "options", [{"time": "day"}, {"time": "date"}, {"split": "KFold"}]
)
def test_a_named_time_and_another_split_are_no_news(panel, options):
    assert found(panel, "id", "date", **options) == []


def test_rows_in_the_order_of_a_date_are_no_news(panel):
    assert found(panel.sort_values("date"), "id", "date") == []


def test_an_inner_split_that_looks_ahead_is_told(panel):
    assert found(panel, "id", "date", time="date", split_in="KFold") == [
        (
            "inner-split-late",
            "warn",
            "the outer split keeps the order of 'date' but KFold inside does not, so "
            "parameters are tuned with a look ahead that the test rows do not allow; "
            "leave split_in=None.",
        )
    ]
    own = found(panel, "id", "date", time="date", split_in=TimeSeriesSplit(2))
    assert own == []
