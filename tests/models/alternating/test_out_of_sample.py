import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import (
    BaggingRegressor,
    ExtraTreesRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GroupKFold, KFold, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from flexcv.models.alternating.out_of_sample import offers_oob, predictions, refit


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2))
    return X, X[:, 0] + 0.1 * rng.normal(size=80)


class Claims(RegressorMixin, BaseEstimator):
    """Has the parameters of an out-of-bag learner and keeps no such predictions."""

    def __init__(self, oob_score=False, bootstrap=True):
        self.oob_score = oob_score
        self.bootstrap = bootstrap

    def fit(self, X, y):
        self.mean_ = y.mean()
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


class Wide(Claims):
    def predict(self, X):
        return np.zeros((len(X), 2))


@pytest.mark.parametrize(
    ("learner", "kind"),
    [
        (RandomForestRegressor(50, random_state=0), "oob"),
        (ExtraTreesRegressor(50, bootstrap=True, random_state=0), "oob"),
        (BaggingRegressor(n_estimators=50, random_state=0), "oob"),
        (make_pipeline(StandardScaler(), RandomForestRegressor(50)), "oob"),
        (RandomForestRegressor(49, random_state=0), "cv"),
        (make_pipeline(StandardScaler(), BaggingRegressor(n_estimators=10)), "cv"),
        (ExtraTreesRegressor(5, random_state=0), "cv"),
        (KNeighborsRegressor(), "cv"),
        (HistGradientBoostingRegressor(max_iter=5), "cv"),
        (LinearRegression(), "in_sample"),
        (make_pipeline(StandardScaler(), Ridge()), "in_sample"),
    ],
)
def test_auto_takes_the_honest_values_that_the_learner_offers(learner, kind, rows):
    found = refit(learner, *rows, "auto")
    assert found.kind == kind
    assert np.isfinite(found.fitted).all()


def test_auto_cross_fits_a_linear_learner_with_few_rows_per_coefficient(rows):
    X = np.random.default_rng(1).normal(size=(80, 5))
    assert refit(LinearRegression(), X, rows[1], "auto").kind == "cv"


def test_out_of_bag_values_are_those_of_the_forest_itself(rows):
    own = RandomForestRegressor(50, oob_score=True, random_state=3).fit(*rows)
    found = refit(RandomForestRegressor(50, random_state=3), *rows, "oob")
    np.testing.assert_array_equal(found.fitted, own.oob_prediction_)


def test_the_learner_given_is_not_changed(rows):
    forest = RandomForestRegressor(20, random_state=3)
    refit(forest, *rows, "oob")
    assert forest.oob_score is False
    assert not hasattr(forest, "estimators_")


def test_cross_fitted_values_are_those_of_scikit_learn(rows):
    folds = KFold(4, shuffle=True, random_state=5)
    expected = cross_val_predict(Ridge(), *rows, cv=folds)
    found = refit(Ridge(), *rows, "cv", folds=folds)
    np.testing.assert_allclose(found.fitted, expected, rtol=1e-12)


def test_a_splitter_may_hold_out_whole_groups(rows):
    groups = np.repeat(np.arange(8), 10)
    expected = cross_val_predict(Ridge(), *rows, cv=GroupKFold(4), groups=groups)
    found = refit(Ridge(), *rows, "cv", folds=GroupKFold(4), groups=groups)
    np.testing.assert_allclose(found.fitted, expected, rtol=1e-12)


def test_rows_that_every_tree_drew_have_no_value(rows):
    X, y = rows
    found = refit(RandomForestRegressor(2, random_state=0), X, y + 5.0, "oob")
    drawn = np.stack(
        [
            np.bincount(sample, minlength=80) > 0
            for sample in found.learner.estimators_samples_
        ]
    )
    np.testing.assert_array_equal(np.isnan(found.fitted), drawn.all(axis=0))


def test_a_tree_that_predicts_zero_out_of_bag_keeps_its_value(rows):
    found = refit(
        RandomForestRegressor(40, random_state=0), rows[0], np.zeros(80), "oob"
    )
    np.testing.assert_array_equal(found.fitted, np.zeros(80))


def test_a_splitter_that_takes_no_groups_is_given_none(rows):
    groups = np.repeat(np.arange(8), 10)
    found = refit(Ridge(), *rows, "cv", folds=4, groups=groups)
    np.testing.assert_array_equal(
        found.fitted, refit(Ridge(), *rows, "cv", folds=4).fitted
    )


def test_fit_arguments_are_cut_to_each_fold(rows):
    X, y = rows
    weight = np.ones(80)
    weight[:20] = 3.0
    found = refit(Ridge(), X, y, "cv", fit_params={"sample_weight": weight})
    plain = refit(Ridge(), X, y, "cv")
    assert not np.allclose(found.fitted, plain.fitted)


def test_tables_stay_tables_inside_the_folds(rows):
    table = pd.DataFrame(rows[0], columns=["a", "b"], index=np.arange(80) + 1000)
    found = refit(DecisionTreeRegressor(random_state=0), table, rows[1], "cv")
    np.testing.assert_array_equal(found.learner.feature_names_in_, ["a", "b"])
    assert np.isfinite(found.fitted).all()


def test_oob_is_refused_where_the_learner_has_none(rows):
    with pytest.raises(ValueError) as caught:
        refit(Ridge(), *rows, "oob")
    assert str(caught.value) == (
        "fit_prediction='oob' needs a learner with `oob_score` and bootstrap=True, got "
        "Ridge(); use fit_prediction='cv'."
    )


def test_a_learner_that_ignores_out_of_bag_is_found_out(rows):
    with pytest.raises(ValueError) as caught:
        refit(Claims(), *rows, "oob")
    assert str(caught.value) == (
        "fit_prediction='oob' needs `oob_prediction_` after fit, and Claims has none; "
        "use fit_prediction='cv'."
    )


def test_predictions_of_the_wrong_shape_are_refused(rows):
    with pytest.raises(ValueError) as caught:
        refit(Wide(), *rows, "in_sample")
    assert str(caught.value) == (
        "Wide must predict one number per row, here 80, but gave an array of shape "
        "(80, 2); use a regressor with one target."
    )


def test_predictions_that_are_not_finite_are_refused(rows):
    learner = Claims().fit(rows[0], np.array([np.nan]))
    with pytest.raises(
        ValueError, match="Claims predicted a value that is not a finite"
    ):
        predictions(learner, rows[0], 80)


def test_a_forest_without_bootstrap_offers_nothing_out_of_bag():
    assert not offers_oob(make_pipeline(RandomForestRegressor(bootstrap=False)))
