import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flexcv.models.alternating.warm_start import can_renew, renewed

X = np.random.default_rng(0).normal(size=(60, 2))


@pytest.mark.parametrize("learner", [Ridge(), MLPRegressor()])
def test_only_forests_go_on(learner):
    assert not can_renew(learner)


@pytest.mark.parametrize(
    "learner",
    [
        RandomForestRegressor(10, random_state=0),
        ExtraTreesRegressor(10, bootstrap=True, random_state=0),
        make_pipeline(StandardScaler(), RandomForestRegressor(10, random_state=0)),
    ],
)
def test_the_newer_half_stays_and_the_old_forest_is_not_changed(learner):
    assert can_renew(learner)
    old = learner.fit(X, X[:, 0])
    new = renewed(old).fit(X, X[:, 0] + 100.0)
    assert old.predict(X).max() < 10.0
    np.testing.assert_allclose(new.predict(X).mean(), 50.0, atol=1.0)


def test_new_trees_draw_other_rows_than_those_that_stay():
    old = RandomForestRegressor(10, random_state=0).fit(X, X[:, 0])
    new = renewed(old).fit(X, X[:, 0])
    draws = {tuple(sample) for sample in new.estimators_samples_}
    assert len(draws) == 10


def test_out_of_bag_values_cover_old_and_new_trees():
    forest = RandomForestRegressor(40, random_state=0, oob_score=True)
    new = renewed(forest.fit(X, X[:, 0])).fit(X, X[:, 0] + 100.0)
    assert new.oob_prediction_.mean() == pytest.approx(50.0, abs=5.0)
