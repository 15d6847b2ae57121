"""scikit-learn's scorers, by name and as `make_scorer` gives them."""

import functools

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as skm
from optuna.distributions import FloatDistribution
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flexcv import CrossValidation
from flexcv.metrics import resolve_metrics

SEED = 5
SPLIT = KFold(3, shuffle=True, random_state=SEED)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(1)
    X = pd.DataFrame(rng.normal(size=(120, 3)), columns=list("abc"))
    y = X["a"] + rng.normal(size=120)
    return X, y, np.where(y > 0.3, "yes", "no")


def tail_error(y_true, y_pred, share=0.9):
    return float(np.quantile(np.abs(np.asarray(y_true) - y_pred), share))


OF_NUMBERS = {
    "quantile loss": skm.make_scorer(skm.mean_pinball_loss, alpha=0.9, greater_is_better=False),
    "of one's own": skm.make_scorer(tail_error, greater_is_better=False),
    "of one's own, filled in": skm.make_scorer(tail_error, share=0.5),
}  # fmt: skip
OF_CLASSES = {
    "two to one": skm.make_scorer(skm.fbeta_score, beta=2, pos_label="yes"),
    "probabilities": skm.make_scorer(
        skm.log_loss, greater_is_better=False, response_method="predict_proba"
    ),
}


@pytest.mark.parametrize("scorer", OF_NUMBERS.values(), ids=OF_NUMBERS)
def test_numbers_are_scored_as_cross_validate_does(table, scorer):
    X, y, _ = table
    model = make_pipeline(StandardScaler(), Ridge())
    expected = cross_validate(model, X, y, cv=SPLIT, scoring=scorer)["test_score"]
    cv = CrossValidation().set_data(X, y).set_splits(SPLIT, metrics=[scorer])
    scores = cv.add_model(Ridge).perform().results.scores.query("part == 'test'")
    np.testing.assert_allclose(scores["value"], expected, rtol=1e-9)


@pytest.mark.parametrize("scorer", OF_CLASSES.values(), ids=OF_CLASSES)
def test_classes_are_scored_as_cross_validate_does(table, scorer):
    X, _, label = table
    model = make_pipeline(StandardScaler(), LogisticRegression())
    if scorer._response_method == "predict":  # texts are numbered here
        scoring = skm.make_scorer(skm.fbeta_score, beta=2, pos_label="yes")
        scorer = skm.make_scorer(skm.fbeta_score, beta=2)
    else:
        scoring = scorer
    expected = cross_validate(model, X, label, cv=SPLIT, scoring=scoring)["test_score"]
    cv = CrossValidation().set_data(X, label).set_splits(SPLIT, metrics={"s": scorer})
    results = cv.add_model(LogisticRegression).perform().results
    scores = results.scores.query("part == 'test'")
    np.testing.assert_allclose(scores["value"], expected, rtol=1e-9)


def test_a_scorer_is_an_objective(table):
    X, y, _ = table
    cv = CrossValidation().set_data(X, y).set_splits(n_splits_out=2, n_splits_in=2)
    scorer = OF_NUMBERS["quantile loss"]
    cv.set_inner_cv(4, objective_scorer=scorer)
    cv.add_model(Ridge, params={"alpha": FloatDistribution(0.1, 10)})
    trials = cv.perform().results.trials
    assert trials["value"].lt(0.0).all()  # greater is better, as in scikit-learn


def test_a_scorer_is_called_by_its_function():
    names = [metric.name for metric in resolve_metrics(list(OF_NUMBERS.values()))]
    assert names == [
        "mean_pinball_loss(alpha=0.9)",
        "tail_error",
        "tail_error(share=0.5)",
    ]
    [named] = resolve_metrics({"mine": OF_NUMBERS["of one's own"]})
    assert named.name == "mine"
    assert named.greater_is_better


def test_a_run_folder_keeps_the_scores_of_a_scorer(table, tmp_path):
    X, y, _ = table
    cv = CrossValidation().set_data(X, y)
    cv.set_splits(SPLIT, metrics=[OF_NUMBERS["of one's own"]]).set_run(tmp_path / "run")
    first = cv.add_model(Ridge).perform().results
    again = type(first).load(tmp_path / "run")
    pd.testing.assert_frame_equal(again.scores, first.scores)
    assert again.metrics[0].name == "tail_error"


def test_a_partial_function_has_no_name_of_its_own():
    with pytest.raises(TypeError, match="pass for example"):
        resolve_metrics([functools.partial(tail_error, share=0.5)])
