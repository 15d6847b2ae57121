import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import make_regression
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flexcv import CrossValidation
from flexcv.evaluation.learning_curves import curves_of
from flexcv.evaluation.watching import trace_of

X, y = make_regression(120, 4, noise=5.0, random_state=0)


def test_boosting_rounds_are_a_curve():
    fitted = GradientBoostingRegressor(n_estimators=7, random_state=0).fit(X, y)

    trace = trace_of(make_pipeline(StandardScaler(), fitted))

    assert trace["iteration"].tolist() == list(range(1, 8))
    np.testing.assert_array_equal(trace["train_score"], fitted.train_score_)


def test_a_value_before_the_first_round_is_round_zero():
    model = HistGradientBoostingRegressor(max_iter=5, early_stopping=True)
    fitted = model.set_params(random_state=0).fit(X, y)

    trace = trace_of(fitted)

    assert trace["iteration"].tolist() == list(range(fitted.n_iter_ + 1))
    np.testing.assert_array_equal(trace["validation_score"], fitted.validation_score_)


def test_epochs_are_a_curve():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = MLPRegressor(max_iter=6, random_state=0).fit(X, y)

    trace = trace_of(fitted)

    assert list(trace) == ["iteration", "loss_curve"]
    assert trace["loss_curve"].tolist() == fitted.loss_curve_


def test_evaluation_sets_of_xgboost_are_curves():
    xgboost = pytest.importorskip("xgboost", reason="xgboost is not installed")
    model = xgboost.XGBRegressor(n_estimators=3, n_jobs=1)

    assert trace_of(model.fit(X, y)) is None
    model.fit(X, y, eval_set=[(X, y)], verbose=False)

    trace = trace_of(model)
    stored = model.evals_result()["validation_0"]["rmse"]
    assert trace["validation_0/rmse"].tolist() == stored
    assert trace["iteration"].tolist() == [1, 2, 3]


def test_evaluation_sets_kept_as_an_attribute_are_curves():
    fitted = SimpleNamespace(evals_result_={"valid": {"l2": [2.0, 1.0]}})
    assert curves_of(fitted)["valid/l2"].tolist() == [2.0, 1.0]


@pytest.mark.parametrize(
    "fitted",
    [
        Ridge().fit(X, y),
        LogisticRegression().fit(X, y > 0),
        HistGradientBoostingRegressor(max_iter=2, early_stopping=False).fit(X, y),
        SimpleNamespace(train_score_=0.9, loss_curve_=None, evals_result_={}),
        SimpleNamespace(train_score_=["a"], evals_result_={"valid": [1.0]}),
    ],
    ids=["ridge", "logistic", "boosting", "scalars", "texts"],
)
def test_whatever_keeps_no_curve_has_no_trace(fitted):
    assert curves_of(fitted) is None


def test_curves_of_different_lengths_keep_their_rounds():
    fitted = SimpleNamespace(n_iter_=2, train_score_=[3.0, 2.0, 1.0], loss_curve_=[5.0])
    table = curves_of(fitted)
    assert table["iteration"].tolist() == [0, 1, 2]
    assert table["loss_curve"].tolist()[1] == 5.0
    assert table["loss_curve"].isna().tolist() == [True, False, True]


def test_the_rounds_of_every_fold_are_in_the_results():
    cv = CrossValidation().set_data(X, y).set_splits(n_splits_out=2)
    cv.add_model(GradientBoostingRegressor, model_kwargs={"n_estimators": 4})

    traces = cv.perform().get_results().traces

    assert traces["fold"].tolist() == [0] * 4 + [1] * 4
    assert traces["train_score"].notna().all()
