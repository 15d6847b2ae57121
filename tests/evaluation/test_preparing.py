import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flexcv import CrossValidation
from flexcv.datasets import load_pbc
from flexcv.models import LinearMixedEffectsModel
from flexcv.preprocessing import GroupMeans

COLUMNS = ["year", "albumin", "ast", "stage"]


@pytest.fixture(scope="module")
def table():
    return load_pbc()[[*COLUMNS, "log_bili", "patient"]]


def chain(table, between):
    cv = CrossValidation().set_data(table, "log_bili", "patient", between=between)
    cv.set_splits("GroupKFold", n_splits_out=3, n_splits_in=2)
    return cv.set_run(silence=["groups-unused", "contextual-effects"])


def r2(results):
    scores = results.scores_of("r2")
    return scores.groupby("model", observed=True)["value"].apply(list)


def test_a_plain_model_gets_the_means_of_each_part(table):
    cv = chain(table, between=True).add_model(Ridge)
    found = r2(cv.perform().get_results())["Ridge"]
    by_hand = []
    for fold in cv.plan:
        train, test = table.iloc[fold.train], table.iloc[fold.test]
        model = make_pipeline(
            GroupMeans("patient", drop_groups=True), StandardScaler(), Ridge()
        )
        names = [*COLUMNS, "patient"]
        model.fit(train[names], train["log_bili"])
        by_hand.append(model.score(test[names], test["log_bili"]))
    np.testing.assert_allclose(found, by_hand, rtol=1e-10)


def test_mixed_models_do_it_in_their_own_way(table):
    cv = chain(table, between=True)
    cv.add_model(LinearMixedEffectsModel, model_name="by the data")
    by_data = r2(cv.perform().get_results())["by the data"]
    alone = chain(table, between=False)
    alone.add_model(LinearMixedEffectsModel(between=True), model_name="by itself")
    by_itself = r2(alone.perform().get_results())["by itself"]
    np.testing.assert_array_equal(by_data, by_itself)


def test_auto_is_decided_in_each_fold_and_merf_is_told(table):
    cv = chain(table, between="auto").add_model(Ridge, add_merf=True)
    results = cv.perform().get_results()
    plain = chain(table, between=False).add_model(Ridge).perform().get_results()
    assert np.mean(r2(results)["Ridge"]) > np.mean(r2(plain)["Ridge"]) + 0.05
    fitted = results.estimators["MERF(Ridge)"][0]["model"]
    assert fitted.between == "auto"
    assert fitted.group_learner_ is not None
    own = chain(table, between="auto").set_merf(between=False)
    own = own.add_model(Ridge, add_merf=True).perform().get_results()
    assert own.estimators["MERF(Ridge)"][0]["model"].group_learner_ is None


def test_inner_folds_have_them_too_and_fitted_models_predict_new_tables(table):
    cv = chain(table, between=True).set_inner_cv(2)
    cv.add_model(Ridge, params={"alpha": FloatDistribution(0.1, 10.0)})
    results = cv.perform().get_results()
    first = results.estimators["Ridge"][0]
    fold = cv.plan.folds[0]
    rows = table.iloc[fold.test]
    part = results.predictions.query("part == 'test' and fold == 0")
    np.testing.assert_allclose(first.predict(rows), part["y_pred"])
    with pytest.raises(ValueError, match="the column 'patient'"):
        first.predict(rows.drop(columns="patient"))


def test_classes_have_slopes_too(table):
    high = table.assign(high=np.where(table["log_bili"] > 0.5, "high", "low"))
    high = high.drop(columns="log_bili")
    cv = CrossValidation().set_data(high, "high", "patient", between="auto")
    cv.set_splits("GroupKFold", n_splits_out=2)
    cv.add_model(LogisticRegression).set_run(silence="groups-unused")
    fitted = cv.perform().get_results().estimators["LogisticRegression"][0]
    assert "ast_mean" in fitted["table"].columns_


def test_without_groups_it_is_refused():
    X = pd.DataFrame({"x": np.arange(10.0)})
    with pytest.raises(ValueError, match="`between` adds means of groups"):
        CrossValidation().set_data(X, np.arange(10.0), between=True)
    with pytest.raises(ValueError, match="must be True, False or 'auto'"):
        CrossValidation().set_data(X, np.arange(10.0), list("aabbccddee"), between=2)
