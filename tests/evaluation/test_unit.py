import tracemalloc
import warnings
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge

from flexcv.dataset import make_dataset
from flexcv.evaluation import (
    FittedFold,
    ScalingSettings,
    UnitSettings,
    run_unit,
    scaling,
)
from flexcv.evaluation.tuning import TuningSettings
from flexcv.model_mapping import ModelSpec, Variant, make_spec
from flexcv.resampling import Fold, SplitSettings, make_plan
from flexcv.results import Finding


class GroupMean(RegressorMixin, BaseEstimator):
    """Predict the training mean of a row's group, or of all rows for a new one."""

    def __init__(self, groups=None):
        self.groups = groups

    def fit(self, X, y):
        self.columns_ = list(X)
        self.mean_ = float(np.mean(y))
        self.means_ = pd.Series(np.asarray(y)).groupby(X[self.groups].to_numpy()).mean()
        return self

    def predict(self, X):
        return X[self.groups].map(self.means_).fillna(self.mean_).to_numpy(float)


class Recorder(RegressorMixin, BaseEstimator):
    """Remember, outside the estimator, what each fit was given."""

    seen: ClassVar[list] = []

    def __init__(self, nothing=0.0):
        self.nothing = nothing

    def fit(self, X, y, sample_weight=None):
        Recorder.seen.append((X, y, sample_weight))
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.zeros(len(X))


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    group = np.repeat(list("abcdefgh"), 8)
    X = pd.DataFrame({"x": rng.normal(size=64), "z": rng.normal(5, 3, size=64)})
    y = X["x"] + rng.normal(size=8).repeat(8) * 3 + rng.normal(size=64) * 0.1
    return make_dataset(X, y.rename("y"), pd.Series(group, name="group"))


@pytest.fixture
def fold(data):
    return make_plan(data, SplitSettings(n_splits_out=4, n_splits_in=2), seed=3).folds[
        0
    ]


TUNE = UnitSettings(tuning=TuningSettings(3))


def test_a_fold_without_a_test_part_is_fitted_and_predicts_its_training_rows(data):
    nothing = np.arange(0)
    whole = Fold(0, 0, 1, np.arange(64), nothing)
    [result] = run_unit(whole, make_spec(Ridge), data, UnitSettings())
    assert not result.error
    assert len(result.test.rows) == len(result.test.predicted) == 0
    table = data.features
    assert np.array_equal(result.train.predicted, result.estimator.predict(table))


def test_predictions_are_those_of_a_hand_written_fit(data, fold):
    settings = UnitSettings(ScalingSettings(False))
    (result,) = run_unit(fold, make_spec(LinearRegression), data, settings)
    X, y = data.features, data.target
    model = LinearRegression().fit(X.iloc[fold.train], y.iloc[fold.train])
    np.testing.assert_allclose(
        result.test.predicted, model.predict(X.iloc[fold.test]), atol=1e-12
    )
    np.testing.assert_array_equal(result.test.rows, fold.test)


def test_groups_reach_a_model_that_names_them_unscaled(data, fold):
    (result,) = run_unit(fold, make_spec(GroupMean), data, UnitSettings())
    truth = data.target.iloc[fold.test]
    assert np.corrcoef(result.test.predicted, truth)[0, 1] > 0.8
    assert result.estimator[-1].columns_ == ["x", "z", "group"]


def test_a_model_that_names_no_groups_never_sees_them(data, fold):
    (result,) = run_unit(fold, make_spec(LinearRegression), data, UnitSettings())
    assert list(result.estimator[-1].feature_names_in_) == ["x", "z"]


def test_the_fitted_model_predicts_on_the_users_own_table(data, fold):
    (result,) = run_unit(fold, make_spec(Ridge), data, UnitSettings())
    users = data.features.iloc[fold.test].assign(more="columns")[["more", "z", "x"]]
    np.testing.assert_array_equal(
        result.estimator.predict(users), result.test.predicted
    )


def test_the_same_unit_twice_gives_the_same_numbers(data, fold):
    spec = make_spec(
        RandomForestRegressor,
        params={"min_impurity_decrease": FloatDistribution(0, 1)},
        model_kwargs={"n_estimators": 5},
    )
    first, second = (run_unit(fold, spec, data, TUNE)[0] for _ in range(2))
    np.testing.assert_array_equal(first.test.predicted, second.test.predicted)
    assert first.params == second.params


def test_models_and_folds_do_not_share_sampler_seeds(data):
    plan = make_plan(data, SplitSettings(n_splits_out=2, n_splits_in=2), seed=3)
    space = {"alpha": FloatDistribution(0.1, 10)}
    trials = [
        tuple(
            run_unit(fold, make_spec(Ridge, model_name=name, params=space), data, TUNE)[
                0
            ].trials["params_alpha"]
        )
        for fold in plan
        for name in ("one", "two")
    ]
    assert len(set(trials)) == 4


def test_inner_and_outer_preprocessing_are_the_same(data, fold):
    Recorder.seen = []
    spec = make_spec(Recorder, params={"nothing": FloatDistribution(0, 1)})
    run_unit(fold, spec, data, UnitSettings(tuning=TuningSettings(1)))
    tables = [table for table, _, _ in Recorder.seen]
    assert len(tables) == 3
    for table in tables:
        assert isinstance(table, pd.DataFrame)
        np.testing.assert_allclose(table.mean(), 0, atol=1e-12)
        np.testing.assert_allclose(table.std(ddof=0), 1, atol=1e-12)


def test_row_wise_fit_arguments_are_cut_to_the_fold(data, fold):
    weights = np.arange(64.0)
    for given in (weights, pd.Series(weights), weights.tolist()):
        Recorder.seen = []
        spec = make_spec(Recorder(), fit_kwargs={"sample_weight": given})
        run_unit(fold, spec, data, UnitSettings())
        assert list(Recorder.seen[0][2]) == weights[fold.train].tolist()


def test_a_variant_wraps_the_tuned_model_with_the_users_own_arguments(data, fold):
    wrapped = []

    def wrap(estimator):
        wrapped.append(estimator)
        return estimator

    space = {"alpha": FloatDistribution(0.1, 10)}
    spec = make_spec(Ridge, params=space, model_kwargs={"fit_intercept": False})
    spec = ModelSpec(
        spec.name, spec.estimator, space, variants=(Variant("Wrapped(Ridge)", wrap),)
    )
    base, variant = run_unit(fold, spec, data, TUNE)
    assert (base.model, variant.model) == ("Ridge", "Wrapped(Ridge)")
    assert wrapped[0].alpha == base.params["alpha"]
    assert wrapped[0].fit_intercept is False
    np.testing.assert_array_equal(base.test.predicted, variant.test.predicted)


def test_the_spec_keeps_an_unfitted_estimator_and_no_data(data, fold):
    model = Ridge()
    spec = make_spec(model)
    run_unit(fold, spec, data, UnitSettings())
    assert not hasattr(model, "coef_")
    assert not hasattr(spec.estimator, "coef_")


def test_post_processors_see_the_fitted_fold(data, fold):
    seen = []

    def look(fitted):
        seen.append(fitted)
        return [Finding("sizes", pd.DataFrame({"n": [len(fitted.test)]}))]

    spec = make_spec(Ridge, post_processor=look)
    (result,) = run_unit(fold, spec, data, UnitSettings())
    assert isinstance(seen[0], FittedFold)
    assert result.findings[0].frame["n"].tolist() == [len(fold.test)]


class Warns(DummyRegressor):
    def fit(self, X, y, sample_weight=None):
        warnings.warn("did not converge", RuntimeWarning, stacklevel=2)
        return super().fit(X, y)


def test_warnings_become_data(data, fold):
    (result,) = run_unit(fold, make_spec(Warns), data, UnitSettings())
    assert result.warnings == (("RuntimeWarning", "did not converge"),)


class Fails(DummyRegressor):
    def fit(self, X, y, sample_weight=None):
        raise ZeroDivisionError("no luck")


def test_an_error_says_where_it_happened(data, fold):
    with pytest.raises(ZeroDivisionError) as caught:
        run_unit(fold, make_spec(Fails), data, UnitSettings())
    assert caught.value.__notes__ == ["while fitting Fails on repeat 0, fold 0"]


def test_a_recorded_error_is_a_result_without_predictions(data, fold):
    (result,) = run_unit(fold, make_spec(Fails), data, UnitSettings(on_error="record"))
    assert result.test is None
    assert result.error == (
        "ZeroDivisionError: no luck (while fitting Fails on repeat 0, fold 0)"
    )


def test_a_failing_post_processor_is_not_swallowed(data, fold):
    def look(fitted):
        raise KeyError("column")

    with pytest.raises(KeyError) as caught:
        run_unit(fold, make_spec(Ridge, post_processor=look), data, UnitSettings())
    assert caught.value.__notes__[0] == "in the post-processor function"


class Strange(DummyRegressor):
    def predict(self, X):
        return np.zeros((len(X), 2))


class Infinite(DummyRegressor):
    def predict(self, X):
        return np.full(len(X), np.inf)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Strange, "Strange must predict one number per row, here 48, but gave an array of shape (48, 2)."),
        (Infinite, "Infinite predicted a value that is not a finite number; check the features and the model's settings."),
    ],
)  # fmt: skip
def test_predictions_that_are_not_a_number_a_row_are_refused(
    data, fold, model, message
):
    with pytest.raises(ValueError) as caught:
        run_unit(fold, make_spec(model), data, UnitSettings())
    assert str(caught.value) == message


def test_a_model_gets_an_array_when_the_user_gave_one(data):
    arrays = make_dataset(data.features.to_numpy(), data.target.to_numpy())
    plan = make_plan(arrays, SplitSettings(n_splits_out=2, n_splits_in=2), seed=0)
    Recorder.seen = []
    spec = make_spec(Recorder, params={"nothing": FloatDistribution(0, 1)})
    (result,) = run_unit(plan.folds[0], spec, arrays, TUNE)
    assert {type(X) for X, _, _ in Recorder.seen} == {np.ndarray}
    assert len(result.estimator.predict(data.features.to_numpy())) == 64


def test_a_failure_points_to_text_and_missing_values(data, fold):
    odd = data.features.assign(kind="a", gap=np.nan)
    table = make_dataset(odd, data.target, data.groups)
    settings = UnitSettings(on_error="record")
    (result,) = run_unit(fold, make_spec(Ridge), table, settings)
    assert "not numbers, which many models do not take: 'kind'" in result.error
    assert "missing values, which many models do not take: 'gap'" in result.error


def test_a_failure_about_something_else_is_not_blamed_on_text(data, fold):
    table = make_dataset(data.features.assign(kind="a"), data.target, data.groups)
    settings = UnitSettings(on_error="record")
    (result,) = run_unit(fold, make_spec(Fails), table, settings)
    assert "not numbers" not in result.error


@pytest.mark.parametrize("is_array", [True, False])
def test_a_unit_holds_one_copy_of_its_training_rows(is_array):
    X = np.random.default_rng(0).normal(size=(40_000, 50))
    table = X if is_array else pd.DataFrame(X).rename(columns=str)
    data = make_dataset(table, X[:, 0])
    fold = make_plan(data, SplitSettings(n_splits_out=5), seed=3).folds[0]
    settings = UnitSettings(keep_estimators=False)
    run_unit(fold, make_spec(DummyRegressor), data, settings)

    tracemalloc.start()
    run_unit(fold, make_spec(DummyRegressor), data, settings)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    # one copy of the rows; a few blocks for whatever else is in flight
    assert peak < 0.8 * X.nbytes + 3 * 8 * scaling.BLOCK
