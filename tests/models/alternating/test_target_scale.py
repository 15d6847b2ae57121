import numpy as np
import pytest
from sklearn.ensemble import (
    BaggingRegressor,
    GradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.linear_model import Lasso, LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor
from xgboost import XGBRegressor

from flexcv._rounding import on_grid
from flexcv.models.alternating._target_scale import OnTargetScale, on_target_scale
from flexcv.models.alternating.out_of_sample import refit

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 2))
Y = X[:, 0] + 0.1 * RNG.normal(size=80)


@pytest.mark.parametrize(
    "learner",
    [
        DecisionTreeRegressor(),
        make_pipeline(StandardScaler(), RandomForestRegressor()),
        BaggingRegressor(DecisionTreeRegressor()),
        GradientBoostingRegressor(),
        XGBRegressor(),
    ],
)
def test_trees_are_given_a_standardised_target_where_theirs_is_small_or_far(learner):
    assert on_target_scale(learner, Y) is learner
    for target in (1e-8 * Y, Y + 1e8):
        wrapped = on_target_scale(learner, target)
        assert isinstance(wrapped, OnTargetScale)
        assert wrapped.learner is learner


@pytest.mark.parametrize(
    "learner",
    [
        LinearRegression(),
        Lasso(0.1),
        SVR(),
        BaggingRegressor(SVR()),
        DecisionTreeRegressor(ccp_alpha=0.1),
        RandomForestRegressor(min_impurity_decrease=0.1),
        GradientBoostingRegressor(init="zero"),
        XGBRegressor(gamma=1.0),
    ],
)
def test_settings_keep_the_units_of_the_target(learner):
    assert on_target_scale(learner, 1e-8 * Y) is learner


def test_a_target_without_spread_is_left_alone():
    learner = DecisionTreeRegressor()
    assert on_target_scale(learner, np.full(5, 1e9)) is learner


@pytest.mark.parametrize(("unit", "origin"), [(1e-8, 0.0), (1.0, 1e5)])
def test_predictions_and_out_of_bag_values_come_back_in_the_targets_units(unit, origin):
    learner = RandomForestRegressor(60, random_state=0)
    standard = (Y - Y.mean()) / Y.std()
    expected = refit(learner, X, on_grid(standard), "oob")
    target = origin + unit * standard
    found = refit(on_target_scale(learner, target), X, target, "oob")
    assert isinstance(found.learner, OnTargetScale)
    back = (found.learner.predict(X) - origin) / unit
    np.testing.assert_allclose(back, expected.learner.predict(X), atol=1e-9)
    back = (found.fitted - origin) / unit
    np.testing.assert_allclose(back, expected.fitted, atol=1e-9)
