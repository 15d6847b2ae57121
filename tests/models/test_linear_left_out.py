"""Models of all rows but some, from sums over all rows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

from flexcv.models import LinearMixedEffectsModel

PIGS = Path(__file__).parents[1] / "reference" / "data" / "Pigs.csv"
FEATURES = ["a", "b"]
MODELS = (
    LinearMixedEffectsModel(groups="g"),
    LinearMixedEffectsModel(groups="g", reml=False),
    LinearMixedEffectsModel(groups="g", slopes="a"),
    LinearMixedEffectsModel(random="(a || g)"),
    LinearMixedEffectsModel(random="(0 + b | g)"),
    LinearMixedEffectsModel(groups=["g", "h"]),
    LinearMixedEffectsModel(random="(a | g) + (b || h)"),
)


def table_of(
    seed: int, n_rows: int = 90, sd: float = 1.0
) -> tuple[pd.DataFrame, pd.Series]:
    """Draw rows of nine groups crossed with four others; `sd` is that of all effects."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "a": rng.normal(size=n_rows),
            "b": 40.0 + 7.0 * rng.normal(size=n_rows),
            "g": rng.integers(0, 9, n_rows),
            "h": rng.integers(0, 4, n_rows),
        }
    )
    level, slope = sd * rng.normal(size=9), 0.5 * sd * rng.normal(size=9)
    effects = level[table["g"]] + slope[table["g"]] * table["a"]
    effects = effects + 0.5 * sd * rng.normal(size=4)[table["h"]]
    y = table["a"] - 0.1 * table["b"] + effects + rng.normal(size=n_rows)
    return table, y.rename("y")


def columns_of(model: LinearMixedEffectsModel, table: pd.DataFrame) -> pd.DataFrame:
    return table[[*FEATURES, *model.grouping_columns()]]


def refit(
    model: LinearMixedEffectsModel,
    table: pd.DataFrame,
    y: pd.Series,
    rows: np.ndarray,
    *,
    scaled: bool,
) -> tuple[LinearMixedEffectsModel, np.ndarray]:
    """Fit the rows that are left, as ever, and predict all."""
    train = np.setdiff1d(np.arange(len(table)), rows)
    if scaled:
        scaler = StandardScaler().fit(table[FEATURES].iloc[train])
        table = table.assign(
            **pd.DataFrame(scaler.transform(table[FEATURES])).set_axis(FEATURES, axis=1)
        )
    fitted = clone(model).fit(table.iloc[train], y.iloc[train])
    return fitted, fitted.predict(table)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from(MODELS),
    st.booleans(),
    st.sampled_from([0.0, 0.2, 1.0]),
    st.booleans(),
)
def test_predictions_are_those_of_a_refit(seed, model, scaled, sd, whole_groups):
    whole, y = table_of(seed, sd=sd)
    table = columns_of(model, whole)
    rng = np.random.default_rng(seed + 1)
    rows = rng.permutation(len(table))[: len(table) // 4]
    if whole_groups:
        rows = np.flatnonzero(table["g"] == int(rng.integers(0, 9)))
    found = model.fits_without(table, y, scaled=scaled)(rows)
    if found is None:
        return
    fitted, expected = refit(model, table, y, rows, scaled=scaled)
    if not fitted.converged_:
        return
    # A lower end than that of an ordinary search is no mistake.
    assert found[0].criterion_ <= fitted.criterion_ + 1e-6
    if found[0].criterion_ > fitted.criterion_ - 1e-6:
        np.testing.assert_allclose(found[1], expected, atol=1e-6)


@pytest.mark.parametrize("model", MODELS, ids=str)
@pytest.mark.parametrize("scaled", [True, False])
def test_every_group_has_an_answer_and_its_tables(model, scaled):
    whole, y = table_of(3, n_rows=200)
    table = columns_of(model, whole)
    without = model.fits_without(table, y, scaled=scaled)
    for group in range(9):
        rows = np.flatnonzero(table["g"] == group)
        found = without(rows)
        assert found is not None
        fitted, expected = refit(model, table, y, rows, scaled=scaled)
        np.testing.assert_allclose(found[1], expected, atol=1e-6)
        pd.testing.assert_frame_equal(
            found[0].fixed_effects_[["estimate", "std_error", "df"]],
            fitted.fixed_effects_[["estimate", "std_error", "df"]],
            rtol=1e-5,
        )
        for name, effects in found[0].random_effects_.items():
            other = fitted.random_effects_[name]
            pd.testing.assert_frame_equal(effects, other, atol=1e-6)
        assert found[0].criterion_ == pytest.approx(fitted.criterion_, abs=1e-7)


def test_population_predictions_leave_the_groups_out():
    table, y = table_of(5)
    table = table.drop(columns="h")
    model = LinearMixedEffectsModel(groups="g", known_groups="population")
    rows = np.arange(20)
    found = model.fits_without(table, y)(rows)
    assert found is not None
    expected = refit(model, table, y, rows, scaled=False)[1]
    np.testing.assert_allclose(found[1], expected, atol=1e-8)


def test_rows_that_hold_all_variation_of_a_feature_are_left_to_an_ordinary_fit():
    table, y = table_of(6)
    table = table.drop(columns="h").assign(a=np.where(table["g"] == 0, table["a"], 0.0))
    without = LinearMixedEffectsModel(groups="g").fits_without(table, y)
    assert without(np.flatnonzero(table["g"] == 0)) is None
    assert without(np.flatnonzero(table["g"] == 1)) is not None


def test_a_fold_with_one_group_is_left_to_an_ordinary_fit():
    table, y = table_of(7)
    table = table.drop(columns="h")
    without = LinearMixedEffectsModel(groups="g").fits_without(table, y)
    assert without(np.flatnonzero(table["g"] > 0)) is None


def test_a_fold_that_tells_nothing_of_a_variance_is_left_to_an_ordinary_fit():
    """Of two groups one has a single row, so no search knows where to end."""
    table, y = table_of(8)
    table = table.drop(columns="h")
    rows = np.flatnonzero(table["g"] > 1)
    only = np.append(rows, np.flatnonzero(table["g"] == 1)[1:])
    without = LinearMixedEffectsModel(random="(a || g)").fits_without(table, y)
    assert without(only) is None


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (LinearMixedEffectsModel(groups="g", weights="b"), {}),
        (LinearMixedEffectsModel(groups="g", offset="b"), {}),
        (LinearMixedEffectsModel(groups="g", between=True), {}),
        (LinearMixedEffectsModel(groups="g", formula="a + I(b ** 2)"), {}),
        (LinearMixedEffectsModel(groups="g", formula="b", slopes="a"), {}),
        (LinearMixedEffectsModel(groups="g"), {"b": 1.0}),
        (LinearMixedEffectsModel(groups="g"), {"b": "text"}),
        (LinearMixedEffectsModel(), {}),
    ],
)
def test_what_is_more_than_numbers_and_groups_is_refused(model, change):
    table, y = table_of(8)
    with pytest.raises(ValueError):
        model.fits_without(table.drop(columns="h").assign(**change), y + 100.0)


@pytest.mark.reference
@pytest.mark.parametrize(("group", "published"), [("id", 19.973), ("week", 19.312)])
def test_pigs_and_weeks_left_out_cost_what_r_publishes(group, published):
    """R's package cv, `lmer(weight ~ week + (1 | id) + (1 | week), REML = FALSE)`.

    It predicts rows of a group that is left out by the fixed effects alone.
    """
    pigs = pd.read_csv(PIGS)
    y = pigs.pop("weight")
    model = LinearMixedEffectsModel(
        ["id", "week"], formula="week", reml=False, known_groups="population"
    )
    without, squares = model.fits_without(pigs, y), []
    for level in pigs[group].unique():
        rows = np.flatnonzero(pigs[group] == level)
        found = without(rows)
        assert found is not None
        squares.append((y.iloc[rows] - found[1][rows]) ** 2)
    assert round(float(np.concatenate(squares).mean()), 3) == published
