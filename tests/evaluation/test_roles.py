import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution
from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline, make_pipeline

from flexcv import CrossValidation
from flexcv.dataset import make_dataset
from flexcv.evaluation.roles import (
    assign_roles,
    columns_in_their_units,
    grouping_columns,
    seed_randomness,
)
from flexcv.models import (
    GeneralizedLinearMixedModel,
    LinearMixedEffectsModel,
    PenalizedGeneralizedMixedModel,
)


class Mixed(BaseEstimator):
    def __init__(self, groups=None, slopes=(), random=None):
        self.groups = groups
        self.slopes = slopes
        self.random = random


class TextMixed(Mixed):
    def grouping_columns(self):
        return ("item",) if self.random else (self.groups,)


@pytest.fixture
def data():
    X = pd.DataFrame({"x": [1.0, 2.0], "z": [0.0, 1.0]})
    return make_dataset(X, [1, 2], pd.Series(["a", "b"], name="subject"), "x")


@pytest.fixture
def crossed():
    groups = pd.DataFrame({"subject": ["a", "b"], "item": ["p", "q"]})
    return make_dataset({"x": [1.0, 2.0]}, [1, 2], groups)


def test_open_roles_are_filled(data):
    model = assign_roles(Mixed(), data)
    assert (model.groups, model.slopes) == ("subject", ("x",))


def test_what_the_user_set_stays(data):
    model = assign_roles(Mixed(groups="item", slopes=("z",)), data)
    assert (model.groups, model.slopes) == ("item", ("z",))


def test_a_random_term_keeps_its_own_columns(data):
    model = assign_roles(Mixed(random="(1 | item)"), data)
    assert (model.groups, model.slopes) == (None, ())


def test_nested_roles_are_filled_at_any_depth(data):
    pipeline = Pipeline([("mixed", TransformedTargetRegressor(Mixed()))])
    assert assign_roles(pipeline, data)["mixed"].regressor.groups == "subject"


def test_several_grouping_columns_are_all_named(crossed):
    assert assign_roles(Mixed(), crossed).groups == ("subject", "item")


def test_without_groups_nothing_is_filled():
    data = make_dataset({"x": [1.0]}, [1.0])
    assert assign_roles(Mixed(), data).groups is None


def test_only_named_grouping_columns_are_handed_over(crossed):
    assert grouping_columns(Ridge(), crossed) == ()
    assert grouping_columns(Mixed(groups="item"), crossed) == ("item",)
    assert grouping_columns(TextMixed(random="(1 | item)"), crossed) == ("item",)
    assert grouping_columns(Mixed(groups=("item", "subject")), crossed) == (
        "subject",
        "item",
    )


def test_open_seeds_are_filled_and_given_ones_stay():
    assert seed_randomness(RandomForestRegressor(), 5).random_state == 5
    assert seed_randomness(RandomForestRegressor(random_state=1), 5).random_state == 1
    bagging = seed_randomness(BaggingRegressor(RandomForestRegressor()), 5)
    assert bagging.estimator.random_state == 5


def test_columns_with_a_role_reach_the_model_in_their_units():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "x": rng.normal(5.0, 2.0, 240),
            "log_exposure": rng.normal(3.0, 2.0, 240),
            "trials": rng.integers(1, 20, 240),
            "site": rng.integers(0, 8, 240),
        }
    )
    dataset = make_dataset(table, pd.Series(np.zeros(240), name="y"))
    offset = GeneralizedLinearMixedModel(
        "site", family="poisson", offset="log_exposure"
    )
    weighted = make_pipeline(LinearMixedEffectsModel(weights="trials"))
    assert columns_in_their_units(offset, dataset) == ("site", "log_exposure")
    assert columns_in_their_units(weighted, dataset) == ("trials",)


@pytest.mark.parametrize("tuned", [False, True])
def test_an_offset_is_not_scaled_in_the_chain(tuned):
    rng = np.random.default_rng(1)
    x, offset = rng.normal(size=300), rng.normal(3.0, 1.0, 300)
    counts = rng.poisson(np.exp(0.5 * x + offset - 2.0))
    table = pd.DataFrame({"x": x, "offset": offset, "counts": counts})
    group = pd.Series(np.arange(300) % 10, name="g")
    model = PenalizedGeneralizedMixedModel(family="poisson", offset="offset", alpha=0.0)
    space = {"alpha": FloatDistribution(1e-6, 1e-4)} if tuned else None
    cv = CrossValidation().set_data(table, "counts", groups=group)
    cv = cv.set_splits("KFold", n_splits_out=2, n_splits_in=2).set_inner_cv(2)
    cv = cv.set_run(silence="groups-ignored").add_model(model, params=space)
    scores = cv.perform().get_results().summary.loc["mean"]
    assert scores.loc["r2"].item() > 0.8


def test_numeric_groups_that_the_model_names_keep_their_labels():
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"x": rng.normal(size=90), "site": np.arange(90) % 5})
    table["y"] = table["x"] + table["site"] + rng.normal(size=90)
    cv = CrossValidation().set_data(table, "y").set_splits("KFold", n_splits_out=3)
    cv = cv.add_model(LinearMixedEffectsModel("site"), model_name="LMM")
    cv = cv.set_run(silence="groups-missing")
    pipeline = cv.perform().get_results().estimators["LMM"][0]
    assert pipeline["model"].random_effects_["site"].index.tolist() == [0, 1, 2, 3, 4]
