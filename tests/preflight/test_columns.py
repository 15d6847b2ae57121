"""Features that models take wrongly or not at all."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flexcv.models import LinearMixedEffectsModel
from flexcv.preflight.columns import (
    dates,
    groups_not_given,
    identifiers,
    missing_values,
)

from .setups import findings, setup_of

RNG = np.random.default_rng(1)
Y = RNG.normal(size=60)
GAPS = np.where(np.arange(60) % 6 == 0, np.nan, Y)
DAYS = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(60), "D")


def test_missing_values_are_named_with_the_models_that_do_not_take_them():
    models = [Ridge(), HistGradientBoostingRegressor()]
    setup = setup_of(Y, {"x": Y, "z": GAPS}, models=models)
    assert findings(missing_values, setup) == [
        (
            "warn",
            "missing values in 'z' (up to 10 of 60 rows), which 'model 0' does not take, "
            "so its fits fail; put an imputer before it in a pipeline, which learns from "
            "training rows only (filled before the split, test rows have a say), or "
            "drop the rows.",
        )
    ]


@pytest.mark.parametrize(
    "model",
    [
        HistGradientBoostingRegressor(),
        make_pipeline(StandardScaler(), SimpleImputer(), Ridge()),
        LinearMixedEffectsModel(formula="x"),
    ],
)
def test_missing_values_that_models_take_or_do_not_read_need_no_word(model):
    setup = setup_of(Y, {"x": Y, "z": GAPS}, models=[model])
    assert not findings(missing_values, setup)


@pytest.mark.parametrize("model", [LinearMixedEffectsModel(formula="x + z"), Ridge()])
def test_missing_values_that_a_model_reads_are_named(model):
    setup = setup_of(Y, {"x": Y, "z": GAPS}, models=[model])
    assert findings(missing_values, setup)


@pytest.mark.parametrize(
    "column",
    [
        DAYS,
        DAYS.date,
        DAYS.strftime("%Y-%m-%d"),
        DAYS.strftime("%d/%m/%Y"),
        DAYS.astype(str).astype("category"),
        DAYS.to_period("M"),
        DAYS - DAYS[0],
    ],
)
def test_dates_are_named_however_they_are_held(column):
    found = findings(dates, setup_of(Y, {"when": column}))
    assert [level for level, _ in found] == ["warn"]
    assert found[0][1].startswith("dates in 'when', which models refuse")


@pytest.mark.parametrize("column", [np.arange(60), ["2024", "2025"] * 30, Y])
def test_years_and_numbers_are_no_dates(column):
    assert not findings(dates, setup_of(Y, {"when": column}))


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("row_id", np.arange(60)),
        ("CustomerID", RNG.choice(10**6, 60, replace=False)),
        ("code", [f"{k:05x}" for k in RNG.choice(10**6, 60, replace=False)]),
        ("patient", [f"P{k}" for k in range(58)] + ["P0", "P1"]),
        ("place", RNG.permutation(60)),
    ],
)
def test_a_value_for_each_row_is_an_identifier(name, column):
    found = findings(identifiers, setup_of(Y, {name: column}))
    assert [level for level, _ in found] == ["warn"]
    assert f"a value of its own in {name!r}" in found[0][1]


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("income", RNG.choice(10**6, 60, replace=False)),
        ("day", np.arange(60)),
        ("text", [f"a note of several words, {k}" for k in range(60)]),
        ("age", RNG.integers(20, 60, 60)),
        ("x_id", Y),
    ],
)
def test_measures_times_and_texts_are_no_identifiers(name, column):
    assert not findings(identifiers, setup_of(Y, {name: column}))


@pytest.mark.parametrize("name", ["patient", "patient_id", "SchoolNo", "users"])
def test_units_that_are_a_feature_are_named_when_their_rows_are_parted(name):
    units = np.arange(60) % 12
    found = findings(groups_not_given, setup_of(Y, {"x": Y, name: units}))
    assert [level for level, _ in found] == ["warn"]
    assert f"pass groups={name!r} to set_data and split by 'GroupKFold'" in found[0][1]


def test_units_need_no_word_when_groups_are_given_or_rows_stay_together():
    units = pd.Series(np.arange(60) % 12, name="patient")
    columns = {"x": Y, "patient": units.to_numpy()}
    with_groups = setup_of(Y, columns, groups=units.rename("who"))
    assert not findings(groups_not_given, with_groups)
    rows = np.arange(60)
    whole = [(rows[units > 3], rows[units <= 3]), (rows[units <= 3], rows[units > 3])]
    assert not findings(groups_not_given, setup_of(Y, columns, split=whole))


@pytest.mark.parametrize(("name", "n_levels"), [("dose", 12), ("site", 3)])
def test_other_columns_with_levels_name_no_units(name, n_levels):
    columns = {"x": Y, name: np.arange(60) % n_levels}
    assert not findings(groups_not_given, setup_of(Y, columns))
