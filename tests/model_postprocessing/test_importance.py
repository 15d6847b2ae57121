import importlib.util

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.svm import SVR

from flexcv.errors import MissingExtraError, UnitError
from flexcv.model_postprocessing import (
    PermutationImportancePostProcessor,
    RandomForestModelPostProcessor,
    SVRModelPostProcessor,
    XGBoostModelPostProcessor,
)

needs_shap = pytest.mark.skipif(
    importlib.util.find_spec("shap") is None, reason="needs the extra `shap`"
)
FOREST = {"n_estimators": 10, "max_depth": 4, "random_state": 0}


def importance(results, name="importance"):
    [found] = results.findings.values()
    return found[name]


def test_a_forests_importances_sum_to_one_and_rank_the_strong_feature_first(performed):
    found = importance(
        performed(
            RandomForestRegressor, RandomForestModelPostProcessor(shap=False), **FOREST
        )
    )
    assert found.frame.groupby("fold")["importance"].sum().tolist() == pytest.approx(
        [1.0] * 3
    )
    assert found.combined["feature"][0] == "strong"
    assert found.combined["n_folds"].tolist() == [3, 3, 3]
    assert len(found.plot().get_yticklabels()) == 3


@needs_shap
@pytest.mark.slow
def test_shap_values_add_up_to_the_prediction(performed):
    results = performed(
        RandomForestRegressor,
        RandomForestModelPostProcessor(shap=True, max_rows=20),
        **FOREST,
    )
    for part in ("test", "train"):
        found = importance(results, f"shap_{part}")
        sums = found[0].frame.groupby("row")["shap"].sum()
        predicted = results.predictions.query("fold == 0 and part == @part").set_index(
            "row"
        )["y_pred"]
        base = predicted.loc[sums.index] - sums
        np.testing.assert_allclose(base, base.iloc[0], rtol=1e-6)
        assert found.plot().get_xlabel() == "SHAP value"


def test_without_the_package_shap_is_left_out_or_named(performed, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n: None if n == "shap" else find(n)
    )
    results = performed(RandomForestRegressor, RandomForestModelPostProcessor, **FOREST)
    assert list(results.findings["RandomForestRegressor"]) == ["importance"]
    with pytest.raises((MissingExtraError, UnitError), match=r"flexcv\[shap\]"):
        performed(
            RandomForestRegressor, RandomForestModelPostProcessor(shap=True), **FOREST
        )


def test_boostings_gain_and_its_own_shap_values(performed):
    xgboost = pytest.importorskip("xgboost", reason="needs the extra `xgboost`")
    settings = {"n_estimators": 20, "max_depth": 3, "n_jobs": 1}
    results = performed(
        xgboost.XGBRegressor, XGBoostModelPostProcessor(max_rows=10), **settings
    )
    found = importance(results)
    assert found.combined["feature"][0] == "strong"
    assert found.frame.groupby("fold")["importance"].sum().tolist() == pytest.approx(
        [1.0] * 3
    )
    sums = importance(results, "shap_test")[0].frame.groupby("row")["shap"].sum()
    predicted = results.predictions.query("fold == 0 and part == 'test'").set_index(
        "row"
    )["y_pred"]
    base = predicted.loc[sums.index] - sums
    np.testing.assert_allclose(base, base.iloc[0], atol=1e-4)


def test_shuffling_a_useless_column_costs_nothing(performed):
    found = importance(
        performed(Ridge, PermutationImportancePostProcessor), "permutation_importance"
    )
    means = found.combined.set_index("feature")["importance_mean"]
    assert means["strong"] > 1.0
    assert abs(means["none"]) < 0.1


def test_a_support_vector_machine_tells_its_support(performed):
    results = performed(SVR, SVRModelPostProcessor, kernel="linear")
    found = results.findings["SVR"]
    assert list(found) == ["support", "coefficients", "permutation_importance"]
    support = found["support"].frame
    assert support["share"].between(0.0, 1.0).all()
    assert found["coefficients"][0].frame["name"].tolist() == [
        "strong",
        "weak one",
        "none",
    ]
    assert list(performed(SVR, SVRModelPostProcessor).findings["SVR"]) == [
        "support",
        "permutation_importance",
    ]


def test_a_model_without_importances_is_refused(performed):
    with pytest.raises((TypeError, UnitError)) as caught:
        performed(Ridge, RandomForestModelPostProcessor)
    assert (
        "RandomForestModelPostProcessor needs a model with `feature_importances_`, got "
        "Ridge; choose another post-processor." in str(caught.value)
    )


@pytest.mark.parametrize("settings", [{"shap": "yes"}, {"max_rows": 0}])
def test_settings_are_checked_when_given(settings):
    with pytest.raises((TypeError, ValueError)):
        RandomForestModelPostProcessor(**settings)
