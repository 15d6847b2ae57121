"""A metric without a value on some folds: no average over what is left in silence."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from flexcv import CrossValidation, Metric


def correlation(y_true, y_pred):
    with np.errstate(all="ignore"):
        return float(np.corrcoef(y_true, y_pred)[0, 1])


class ConstantAtTimes(Ridge):
    """Predicts one number where the first column varies little."""

    def predict(self, X):
        predicted = super().predict(X)
        if len(X) == 20 and np.asarray(X)[:, 0].std() < 0.9:
            return np.full(len(predicted), predicted.mean())
        return predicted


@pytest.fixture(scope="module")
def uneven():
    rng = np.random.default_rng(3)
    X = pd.DataFrame(rng.normal(size=(160, 3)), columns=list("abc"))
    y = X["a"] + rng.normal(size=160)
    group = np.repeat(np.arange(8), 20)
    metrics = {"corr": Metric("corr", correlation, True), "mse": "mse"}
    cv = CrossValidation().set_data(X, y, group)
    cv.set_splits("LeaveOneGroupOut", metrics=metrics, scale_out=False)
    cv.set_run(silence="groups-unused", progress=False)
    cv.add_model(Ridge).add_model(ConstantAtTimes, model_name="At times")
    return cv.perform().results


def test_an_average_over_fewer_folds_says_over_how_many(uneven):
    missing = int(
        uneven.scores_of("corr").query("model == 'At times'")["value"].isna().sum()
    )
    assert 0 < missing < 8
    summary = uneven.summary
    assert summary.loc[("n_folds", "corr")].tolist() == [8, 8 - missing]
    assert summary.loc[("n_folds", "mse")].tolist() == [8, 8]
    assert f"({8 - missing} folds)" in repr(uneven)


def test_the_reason_of_a_missing_score_is_a_warning(uneven):
    told = uneven.warnings
    assert set(told["model"]) == {"At times"}
    assert "corr of the test part is NaN: the metric gave no number." in set(
        told["message"]
    )


def test_models_are_compared_on_the_folds_that_both_have(uneven):
    missing = int(uneven.summary.loc[("n_folds", "corr"), "At times"])
    [pair] = uneven.compare("corr").to_dict("records")
    assert pair["n_folds"] == missing
    assert f"By the {missing} of 8 folds that have both scores" in pair["sentence"]


def test_a_run_with_all_scores_counts_no_folds():
    X = np.random.default_rng(0).normal(size=(30, 2))
    results = (
        CrossValidation()
        .set_data(X, X.sum(axis=1) ** 2)
        .add_model(Ridge)
        .perform()
        .results
    )
    assert "n_folds" not in results.summary.index.get_level_values("Fold")
