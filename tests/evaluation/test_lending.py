import numpy as np
import pytest
from sklearn.base import clone
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    Lars,
    LassoLars,
    LinearRegression,
    Ridge,
)

from flexcv.dataset import make_dataset
from flexcv.evaluation import UnitSettings, lending, run_unit
from flexcv.evaluation.lending import lent
from flexcv.model_mapping import make_spec
from flexcv.resampling import SplitSettings, make_plan

COPYING = [
    LinearRegression(),
    Ridge(),
    ElasticNet(),
    Lars(random_state=0),
    LassoLars(random_state=0),
    BayesianRidge(),
]


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(3.0, 2.0, size=(120, 4))
    return make_dataset(X, X @ [1.0, 2.0, 0.0, -1.0] + rng.normal(size=120))


@pytest.fixture
def fold(data):
    return make_plan(data, SplitSettings(n_splits_out=3), seed=1).folds[0]


@pytest.mark.parametrize("estimator", COPYING, ids=lambda e: type(e).__name__)
def test_lending_the_rows_changes_no_digit(estimator, data, fold, monkeypatch):
    (plain,) = run_unit(fold, make_spec(estimator), data, UnitSettings())
    monkeypatch.setattr(lending, "LARGE", 1)

    (spared,) = run_unit(fold, make_spec(estimator), data, UnitSettings())

    np.testing.assert_array_equal(spared.test.predicted, plain.test.predicted)
    np.testing.assert_array_equal(spared.train.predicted, plain.train.predicted)
    assert spared.estimator[-1].copy_X is True


def test_the_rows_are_overwritten_instead_of_copied(data, monkeypatch):
    monkeypatch.setattr(lending, "LARGE", 1)
    rows = np.array(data.features)

    with lent(estimator := Ridge(), rows) as is_lent:
        estimator.fit(rows, data.target)

    assert is_lent
    assert not np.array_equal(rows, data.features)


def test_the_parameter_is_put_back_after_a_failing_fit(monkeypatch):
    monkeypatch.setattr(lending, "LARGE", 1)
    estimator = Ridge()

    with pytest.raises(ZeroDivisionError), lent(estimator, np.ones((2, 2))):
        raise ZeroDivisionError

    assert estimator.copy_X is True


@pytest.mark.parametrize("estimator", [Ridge(copy_X=False), DummyRegressor()])
def test_nothing_is_lent_to_an_estimator_that_makes_no_copy(estimator, monkeypatch):
    monkeypatch.setattr(lending, "LARGE", 1)
    before = clone(estimator).get_params()

    with lent(estimator, np.ones((2, 2))) as is_lent:
        inside = estimator.get_params()

    assert not is_lent
    assert inside == before


def test_rows_that_somebody_else_holds_are_not_lent(data, monkeypatch):
    monkeypatch.setattr(lending, "LARGE", 1)

    with lent(Ridge(), data.features) as table, lent(Ridge(), np.ones((4, 2))[:2]) as v:
        pass

    assert not table
    assert not v


def test_small_rows_are_copied_because_that_is_cheaper():
    with lent(Ridge(), np.ones((2, 2))) as is_lent:
        pass
    assert not is_lent
