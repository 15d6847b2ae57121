"""The positive class is said once, and every metric, table and picture honours it."""

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as skm
from optuna.distributions import FloatDistribution
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import KFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from flexcv import CrossValidation, CrossValidationResults
from flexcv.dataset import Task, decide_task, make_dataset
from flexcv.results.class_tables import roc_of

SPLIT = KFold(3, shuffle=True, random_state=0)
N = 150


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(4)
    X = pd.DataFrame(rng.normal(size=(N, 3)), columns=list("abc"))
    ill = X["a"] + rng.normal(size=N) > 0.7
    return X, pd.Series(np.where(ill, "case", "control"), name="state")


def chain(
    X, y, metrics, model=LogisticRegression, positive="case", split=SPLIT, **options
):
    cv = CrossValidation().set_data(X, y, positive=positive)
    cv = cv.set_splits(split, metrics=metrics, n_splits_in=2)
    return cv.set_run(progress=False).add_model(model, model_name="model", **options)


def results_of_roc(results):
    return roc_of(results.predictions, results.task, None, "test")


def values(results):
    test = results.scores.query("part == 'test'")
    return test["value"].to_numpy()


ASKED = {
    "f1": skm.make_scorer(skm.f1_score, pos_label="case"),
    "precision": skm.make_scorer(skm.precision_score, pos_label="case"),
    "recall": skm.make_scorer(skm.recall_score, pos_label="case"),
    "average_precision": skm.make_scorer(
        skm.average_precision_score, pos_label="case", response_method="predict_proba"
    ),
}
FUNCTIONS = {
    "f1": skm.f1_score,
    "precision": skm.precision_score,
    "recall": skm.recall_score,
}


def expected_of(X, y, name):
    model = make_pipeline(StandardScaler(), LogisticRegression())
    return cross_validate(model, X, y, cv=SPLIT, scoring=ASKED[name])["test_score"]


@pytest.mark.parametrize("name", ASKED)
def test_scorers_by_name_score_the_positive_class(table, name):
    found = values(chain(*table, [name]).perform().results)
    np.testing.assert_allclose(found, expected_of(*table, name), rtol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_scikit_learn_score_the_positive_class(table, name):
    found = values(chain(*table, [FUNCTIONS[name]]).perform().results)
    np.testing.assert_allclose(found, expected_of(*table, name), rtol=1e-12)


@pytest.mark.parametrize("name", ASKED)
def test_a_scorer_that_names_its_own_class_keeps_it(table, name):
    found = values(chain(*table, [ASKED[name]], positive=None).perform().results)
    np.testing.assert_allclose(found, expected_of(*table, name), rtol=1e-12)


@pytest.mark.parametrize("positive", [0, 1, "0"], ids=repr)
def test_numbers_may_be_the_positive_class(table, positive):
    X, y = table
    label = y.eq("case").astype(int)
    found = values(chain(X, label, ["recall"], positive=positive).perform().results)
    model = make_pipeline(StandardScaler(), LogisticRegression())
    scoring = skm.make_scorer(skm.recall_score, pos_label=int(positive))
    expected = cross_validate(model, X, label, cv=SPLIT, scoring=scoring)["test_score"]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("split", ["StratifiedKFold", SPLIT])
def test_what_is_predicted_does_not_depend_on_it(table, split):
    names = ["log_loss", "brier", "roc_auc", "balanced_accuracy", "accuracy"]
    one, other = (
        chain(*table, names, positive=positive, split=split).perform().results
        for positive in ("case", "control")
    )
    np.testing.assert_allclose(values(one), values(other), rtol=1e-9)
    columns = ["row", "proba_case", "proba_control"]
    pd.testing.assert_frame_equal(one.predictions[columns], other.predictions[columns])
    assert (
        one.predictions["y_pred"]
        .astype(str)
        .equals(other.predictions["y_pred"].astype(str))
    )


def test_pictures_and_tables_are_about_it(table, tmp_path):
    cv = chain(*table, None).set_run(tmp_path / "run")
    results = cv.perform().results
    assert results.task.classes == ("control", "case")
    assert set(results_of_roc(results)["class"]) == {"case"}
    assert "positive class" in results.report()
    loaded = CrossValidationResults.load(tmp_path / "run")
    assert loaded.task.classes == ("control", "case")
    pd.testing.assert_frame_equal(loaded.interval("f1"), results.interval("f1"))
    assert "positive 'case'" in repr(cv)


def test_tuning_makes_the_positive_class_large(table):
    cv = chain(*table, ["f1"], params={"C": FloatDistribution(1e-3, 10.0, log=True)})
    cv = cv.set_inner_cv(2, "f1")
    trials = cv.perform().results.trials
    other = cv.set_data(positive="control").perform().results.trials
    assert not np.allclose(trials["value"], other["value"])


@pytest.mark.parametrize(
    ("positive", "message"),
    [
        (
            "cases",
            "`positive` is no class of the target, got 'cases'; did you mean 'case'?",
        ),
        (7, "`positive` is no class of the target, got 7; it has 'case', 'control'."),
    ],
)
def test_another_class_is_told(table, positive, message):
    with pytest.raises(ValueError) as told:
        chain(*table, None, positive=positive).perform()
    assert str(told.value) == message


def test_numbers_have_no_positive_class(table):
    X, y = table
    with pytest.raises(ValueError) as told:
        chain(X, y.eq("case").astype(int), None, model=Ridge, positive=1).perform()
    assert str(told.value) == (
        "`positive` names a class, 1, but 'model' predicts numbers; leave it out, or use "
        "classifiers."
    )


def test_three_classes_have_none(table):
    target = pd.Series(list("abc"), name="kind")
    with pytest.raises(ValueError, match="is for two classes and the target has 3"):
        decide_task(target, {}, "a")


# -- decision functions --


@pytest.mark.parametrize(
    "model", [LinearSVC(C=0.1), SVC(), make_pipeline(LinearSVC(C=0.1))]
)
@pytest.mark.parametrize("scoring", ["roc_auc", "average_precision"])
def test_ranks_are_scored_by_the_decision_function(table, model, scoring):
    X, y = table
    found = values(chain(X, y, [scoring], model, positive=None).perform().results)
    scorer = {
        "roc_auc": "roc_auc",
        "average_precision": skm.make_scorer(
            skm.average_precision_score,
            pos_label="control",
            response_method="decision_function",
        ),
    }[scoring]
    expected = cross_validate(
        make_pipeline(StandardScaler(), model), X, y, cv=SPLIT, scoring=scorer
    )["test_score"]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_decision_function_points_to_the_positive_class(table):
    X, y = table
    one, other = (
        chain(X, y, ["roc_auc", "average_precision"], LinearSVC, positive=positive)
        .perform()
        .results
        for positive in ("case", "control")
    )
    first, second = (r.predictions["decision"].to_numpy() for r in (one, other))
    np.testing.assert_array_equal(first, -second)
    np.testing.assert_allclose(values(one)[::2], values(other)[::2])
    assert not np.allclose(values(one)[1::2], values(other)[1::2])


def test_intervals_pictures_and_folders_have_decisions(table, tmp_path):
    cv = chain(*table, ["roc_auc"], LinearSVC).add_model(LogisticRegression)
    results = cv.set_run(tmp_path / "run").perform().results
    pooled = results.interval("roc_auc")["pooled"]
    assert pooled.between(0.6, 1.0).all()
    assert np.isfinite(results.compare("roc_auc")["difference"]).all()
    results.plot.roc()
    loaded = CrossValidationResults.load(tmp_path / "run")
    pd.testing.assert_frame_equal(loaded.predictions, results.predictions)
    parallel = cv.copy().set_run(tmp_path / "other", n_jobs=2).perform().results
    pd.testing.assert_frame_equal(parallel.predictions, results.predictions)


def test_a_model_with_a_decision_function_is_tuned_on_ranks(table):
    cv = chain(
        *table, ["roc_auc"], LinearSVC, params={"C": FloatDistribution(0.01, 1.0)}
    )
    trials = cv.set_inner_cv(2, "roc_auc").perform().results.trials
    assert trials["value"].between(0.6, 1.0).all()


def test_probabilities_are_not_made_of_a_decision_function(table):
    with pytest.raises(ValueError) as told:
        chain(*table, ["log_loss"], LinearSVC).perform()
    assert str(told.value) == (
        "metric 'log_loss' needs probabilities, which 'model' does not give; leave it "
        "out, or put the model into a CalibratedClassifierCV."
    )


def test_margins_of_models_with_probabilities_are_told(table):
    scorer = skm.make_scorer(skm.hinge_loss, response_method="decision_function")
    with pytest.raises(ValueError) as told:
        chain(*table, [scorer]).perform()
    assert str(told.value) == (
        "metric 'hinge_loss' scores values of a decision function, which are kept of "
        "models without probabilities only, and 'model' gives probabilities; score "
        "these, or leave it out."
    )
    X, y = table
    label = np.where(y == "case", 1, -1)
    found = values(
        chain(X, label, [scorer], LinearSVC, positive=None).perform().results
    )
    model = make_pipeline(StandardScaler(), LinearSVC())
    expected = cross_validate(model, X, label, cv=SPLIT, scoring=scorer)["test_score"]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_dataset_keeps_what_was_said(table):
    data = make_dataset(*table, positive="case")
    assert data.take(np.arange(4)).positive == "case"
    assert decide_task(data.target, {}, "case") == Task(("control", "case"))
