import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline

from flexcv.dataset import make_dataset
from flexcv.evaluation.roles import assign_roles, grouping_columns, seed_randomness


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
