"""Levels that training did not show, in every family that codes categories."""

import numpy as np
import pandas as pd
import pytest

from flexcv.models import (
    DeepMixtureLMM,
    GeneralizedLinearMixedModel,
    LinearMixedEffectsModel,
    LinearModel,
    NeuralMixedEffectsClassifier,
    NeuralMixedEffectsRegressor,
    PenalizedGeneralizedMixedModel,
    PenalizedLinearMixedModel,
)

GROUPED = {
    LinearMixedEffectsModel: {},
    GeneralizedLinearMixedModel: {},
    PenalizedLinearMixedModel: {"alpha": 0.01},
    PenalizedGeneralizedMixedModel: {"alpha": 0.01},
    NeuralMixedEffectsRegressor: {"n_epochs": 2, "random_state": 0},
    NeuralMixedEffectsClassifier: {"n_epochs": 2, "random_state": 0},
    DeepMixtureLMM: {"time": "t", "n_components": (1,), "max_iter": 5},
}
OF_CLASSES = (
    GeneralizedLinearMixedModel,
    PenalizedGeneralizedMixedModel,
    NeuralMixedEffectsClassifier,
)
LINEAR = (LinearModel, LinearMixedEffectsModel, PenalizedLinearMixedModel)
FAMILIES = (LinearModel, *GROUPED)
REFUSED = (
    "column 'site' must hold levels seen in training, got 'z'; it has no estimated "
    "effect, so leave these rows out, or let the model predict them by "
    "unknown_levels='zero' or 'missing'."
)

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(3)
    rows = np.arange(120)
    return pd.DataFrame(
        {
            "x": rng.normal(size=120),
            "site": np.array(list("aabbbc"))[rows % 6],
            "t": (rows % 5).astype(float),
            "g": rows // 10,
        }
    )


def target_of(family, table):
    rng = np.random.default_rng(4)
    shift = table["site"].map({"a": 0.0, "b": 2.0, "c": -3.0})
    values = table["x"] + shift + 0.5 * rng.normal(size=len(table))
    return np.where(values > 0, "yes", "no") if family in OF_CLASSES else values


def fitted(family, table, **given):
    if family is LinearModel:
        return LinearModel(**given).fit(
            table.drop(columns="g"), target_of(family, table)
        )
    options = {"groups": "g", **GROUPED[family], **given}
    return family(**options).fit(table, target_of(family, table))


def with_stranger(table):
    return table.head(4).assign(site=["a", "z", "b", "c"])


@pytest.mark.parametrize("family", FAMILIES)
def test_an_unknown_level_is_refused_with_its_name_and_its_column(family, table):
    model = fitted(family, table)
    with pytest.raises(ValueError) as caught:
        model.predict(with_stranger(table))
    assert str(caught.value) == REFUSED


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_of_an_unknown_level_may_be_missing_and_changes_no_other(family, table):
    model = fitted(family, table, unknown_levels="missing")
    found = model.predict(with_stranger(table))
    assert pd.isna(found).tolist() == [False, True, False, False]
    rest = with_stranger(table).iloc[[0, 2, 3]]
    assert found[[0, 2, 3]].tolist() == pytest.approx(model.predict(rest).tolist())


@pytest.mark.parametrize("family", OF_CLASSES)
def test_the_probabilities_of_a_missing_row_are_nan(family, table):
    model = fitted(family, table, unknown_levels="missing")
    found = model.predict_proba(with_stranger(table))
    assert np.isnan(found).all(axis=1).tolist() == [False, True, False, False]


@pytest.mark.parametrize("family", LINEAR)
def test_no_effect_is_the_average_over_the_rows_of_training(family, table):
    model = fitted(family, table, unknown_levels="zero")
    row = table.iloc[[7]]
    known = [model.predict(row.assign(site=level))[0] for level in "abc"]
    shares = [2 / 6, 3 / 6, 1 / 6]
    found = model.predict(row.assign(site="z"))[0]
    assert found == pytest.approx(np.dot(shares, known))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_level_without_effect_is_predicted_with_a_number_or_a_class(family, table):
    found = fitted(family, table, unknown_levels="zero").predict(with_stranger(table))
    assert not pd.isna(found).any()


@pytest.mark.parametrize(
    "formula", ["x + site", "0 + x + site", "x * C(site, Sum)", "x + C(site, Poly)"]
)
def test_no_effect_does_not_hang_on_how_levels_are_coded(formula, table):
    model = fitted(
        LinearMixedEffectsModel, table, formula=formula, unknown_levels="zero"
    )
    row = table.iloc[[11]]
    known = [model.predict(row.assign(site=level))[0] for level in "abc"]
    found = model.predict(row.assign(site="z"))[0]
    assert found == pytest.approx(np.dot([2 / 6, 3 / 6, 1 / 6], known))


def test_a_category_among_random_slopes_has_no_effect_either(table):
    model = LinearMixedEffectsModel(
        random="(0 + site | g)", formula="x", unknown_levels="zero"
    ).fit(table, target_of(LinearModel, table))
    row = table.iloc[[11]]
    known = [model.predict(row.assign(site=level))[0] for level in "abc"]
    found = model.predict(row.assign(site="z"))[0]
    assert found == pytest.approx(np.dot([2 / 6, 3 / 6, 1 / 6], known))


def test_an_expression_of_an_unknown_level_is_missing_or_refused(table):
    formula = "x + I(site == 'a')"
    lost = fitted(
        LinearMixedEffectsModel, table, formula=formula, unknown_levels="missing"
    )
    found = lost.predict(with_stranger(table))
    assert np.isnan(found).tolist() == [False, True, False, False]
    model = fitted(
        LinearMixedEffectsModel, table, formula=formula, unknown_levels="zero"
    )
    with pytest.raises(ValueError, match="column 'site' must hold levels seen"):
        model.predict(with_stranger(table))


def test_intervals_and_draws_of_a_missing_row_are_nan(table):
    model = fitted(LinearMixedEffectsModel, table, unknown_levels="missing")
    interval = model.predict_interval(with_stranger(table))
    assert interval.isna().all(axis=1).tolist() == [False, True, False, False]
    drawn = model.simulate(with_stranger(table), 2, 0)
    assert drawn.isna().all(axis=1).tolist() == [False, True, False, False]


def test_intervals_of_a_missing_row_are_nan_in_a_mixture(table):
    model = fitted(DeepMixtureLMM, table, unknown_levels="missing")
    interval = model.predict_interval(with_stranger(table))
    assert interval.isna().all(axis=1).tolist() == [False, True, False, False]


@pytest.mark.parametrize("family", FAMILIES)
def test_another_word_is_refused_before_the_fit(family, table):
    with pytest.raises(ValueError) as caught:
        fitted(family, table, unknown_levels="zeros")
    assert str(caught.value) == (
        "`unknown_levels` must be one of 'refuse', 'zero', 'missing', got 'zeros'; did "
        "you mean 'zero'?"
    )
