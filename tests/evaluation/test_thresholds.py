"""Thresholds of classifiers: given, or chosen on the inner folds of a training part."""

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as skm
from optuna.distributions import FloatDistribution
from sklearn.base import clone
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from flexcv import CrossValidation, CrossValidationResults
from flexcv.errors import CheckWarning, StorageError
from flexcv.evaluation.thresholds import (
    AtThreshold,
    objective_threshold,
    youden_threshold,
)
from flexcv.metrics import resolve_objective
from flexcv.model_mapping import make_spec
from flexcv.records import Finding

N = 240


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(7)
    X = pd.DataFrame(rng.normal(size=(N, 3)), columns=list("abc"))
    group = pd.Series(np.repeat(np.arange(24), 10), name="group")
    ill = X["a"] + rng.normal(size=24)[group] + rng.normal(size=N) > 1.5
    return X, pd.Series(np.where(ill, "case", "control"), name="state"), group


def chain(table, model=LogisticRegression, *, folds=3, data=None, **options):
    X, y, group = table
    cv = CrossValidation().set_data(X, y, group, positive="case", **(data or {}))
    cv = cv.set_splits("StratifiedGroupKFold", n_splits_out=folds, n_splits_in=3)
    cv = cv.set_run(progress=False, silence="groups-unused")
    return cv.add_model(model, model_name="model", **options)


def out_of_fold(table, fold, weights=None):
    """Predict inner test parts by models of the other inner folds, with scikit-learn."""
    X, y, _ = table
    truth, found = [], []
    for split in fold.inner:
        scaler = StandardScaler().fit(X.iloc[split.train])
        given = {} if weights is None else {"sample_weight": weights[split.train]}
        model = LogisticRegression().fit(
            scaler.transform(X.iloc[split.train]), y.iloc[split.train], **given
        )
        found.append(model.predict_proba(scaler.transform(X.iloc[split.test]))[:, 0])
        truth.append(y.iloc[split.test].eq("case").to_numpy())
    return np.concatenate(truth), np.concatenate(found)


def youden(truth, probabilities, cut, weights=None):
    return skm.balanced_accuracy_score(
        truth, probabilities >= cut, sample_weight=weights
    )


def test_youden_is_that_of_inner_folds(table):
    cv = chain(table, threshold="youden").perform()
    chosen = cv.results.params["decision_threshold"]
    for fold, cut in zip(cv.plan, chosen, strict=True):
        truth, probabilities = out_of_fold(table, fold)
        best = max(youden(truth, probabilities, each) for each in probabilities)
        assert youden(truth, probabilities, cut) == pytest.approx(best, rel=1e-12)


@pytest.mark.slow
def test_inner_is_what_the_objective_likes_best(table):
    cv = chain(table, threshold="inner").set_inner_cv(objective_scorer="f1").perform()
    for fold, cut in zip(cv.plan, cv.results.params["decision_threshold"], strict=True):
        truth, probabilities = out_of_fold(table, fold)
        tried = np.unique(probabilities)
        best = max(skm.f1_score(truth, probabilities >= each) for each in tried)
        assert skm.f1_score(truth, probabilities >= cut) == pytest.approx(
            best, rel=1e-12
        )


def test_weights_reach_the_choice(table):
    weights = np.where(table[0]["b"] > 0, 5.0, 0.1)
    cv = chain(table, threshold="youden", data={"weights": weights}).perform()
    for fold, cut in zip(cv.plan, cv.results.params["decision_threshold"], strict=True):
        truth, probabilities = out_of_fold(table, fold, weights)
        own = weights[np.concatenate([split.test for split in fold.inner])]
        best = max(youden(truth, probabilities, each, own) for each in probabilities)
        assert youden(truth, probabilities, cut, own) == pytest.approx(best, rel=1e-12)


@pytest.mark.parametrize("rule", ["youden", "inner"])
def test_test_rows_do_not_decide(table, rule):
    X, y, group = table
    cv = chain(table, threshold=rule).set_inner_cv(objective_scorer="f1")
    first = cv.plan.folds[0]
    splits = [(first.train, first.test)]
    other_X, other_y = X.copy(), y.copy()
    other_X.iloc[first.test] = 100.0 + np.arange(3 * len(first.test)).reshape(-1, 3)
    other_y.iloc[first.test] = np.where(y.iloc[first.test] == "case", "control", "case")

    def chosen(X, y):
        cv = chain((X, y, group), threshold=rule).set_inner_cv(objective_scorer="f1")
        return cv.set_splits(splits, "GroupKFold").perform().results

    one, two = chosen(X, y), chosen(other_X, other_y)
    assert (
        one.params["decision_threshold"].tolist()
        == two.params["decision_threshold"].tolist()
    )
    train = [r.predictions.query("part == 'train'")["proba_case"] for r in (one, two)]
    np.testing.assert_array_equal(*train)


def test_a_number_is_taken_as_it_is(table):
    results = chain(table, threshold=0.3).perform().results
    rows = results.predictions
    assert rows["y_pred"].eq("case").equals(rows["proba_case"].ge(0.3))
    assert results.params["decision_threshold"].eq(0.3).all()
    plain = chain(table).perform().results.predictions
    pd.testing.assert_series_equal(rows["proba_case"], plain["proba_case"])


def test_models_have_thresholds_of_their_own(table):
    cv = chain(table, threshold=0.2).add_model(LogisticRegression, model_name="other")
    results = cv.perform().results
    assert results.params["model"].unique().tolist() == ["model"]
    assert "threshold: model 0.2" in repr(cv)
    recall = results.scores_of("recall").groupby("model")["value"].mean()
    assert recall["model"] > recall["other"]


def test_fitted_models_predict_by_their_threshold(table):
    X, *_ = table
    cv = chain(table, threshold="youden")
    for kept in (True, False):
        results = cv.set_run(keep_estimators=kept).perform().results
        fold = cv.plan.folds[1]
        predicted = results.estimators["model"][1].predict(X.iloc[fold.test])
        np.testing.assert_array_equal(predicted, results.get_predictions("model", 1))


def kind_of_model(fitted):
    kind = type(fitted.estimator[-1]).__name__
    yield Finding("kind", pd.DataFrame({"kind": [kind]}))


def other_kind_of_model(fitted):
    return kind_of_model(fitted)


def test_post_processors_look_at_the_model_itself(table, tmp_path):
    cv = chain(table, threshold="youden", post_processor=kind_of_model)
    cv = cv.set_run(tmp_path / "run", keep_estimators=True, trust_pickle=True)
    first = cv.perform().results
    options = {"model_name": "model", "replace": True, "threshold": "youden"}
    cv = cv.add_model(LogisticRegression, post_processor=other_kind_of_model, **options)
    for results in (first, cv.perform().results):
        found = results.findings["model"]["kind"].frame["kind"]
        assert set(found) == {"LogisticRegression"}


@pytest.mark.slow
def test_a_folder_and_workers_keep_thresholds(table, tmp_path):
    space = {"C": FloatDistribution(0.01, 1.0, log=True)}
    cv = chain(table, params=space, threshold="youden").set_inner_cv(2)
    first = cv.set_run(tmp_path / "run").perform().results
    pd.testing.assert_frame_equal(cv.perform().results.params, first.params)
    loaded = CrossValidationResults.load(tmp_path / "run")
    pd.testing.assert_frame_equal(loaded.params, first.params)
    other = cv.copy().set_run(tmp_path / "other", n_jobs=2).perform().results
    pd.testing.assert_frame_equal(other.params, first.params)
    again = cv.copy().set_inner_cv(warm_start=first.params).set_run(tmp_path / "warm")
    assert set(again.perform().results.params.columns[3:]) == {
        "C",
        "decision_threshold",
    }
    changed = {"model_name": "model", "replace": True, "params": space}
    with pytest.raises(StorageError, match="with other settings or other code"):
        cv.add_model(LogisticRegression, threshold=0.4, **changed).perform()


@pytest.mark.slow
def test_merf_has_a_threshold_of_its_own(table):
    cv = chain(
        table, RandomForestClassifier(10), threshold="youden", add_merf=True, folds=2
    )
    params = cv.set_merf(em_max_iterations=2).perform().results.params
    assert params.groupby("fold")["decision_threshold"].nunique().eq(2).all()


def test_a_model_that_stops_early_has_a_threshold_too(table):
    model = GradientBoostingClassifier(n_estimators=60)
    cv = chain(table, model, threshold="youden", early_stopping=0.25)
    params = cv.perform().results.params
    assert set(params.columns[3:]) == {"n_estimators", "decision_threshold"}


def test_a_file_says_it(table):
    text = "model:\n  model: sklearn.linear_model.LogisticRegression\n  threshold: youden\n"
    cv = CrossValidation().set_data(*table).set_models(yaml_string=text)
    assert "threshold: model youden" in repr(cv)


def test_of_equal_thresholds_the_least_is_taken():
    positive = np.array([False, False, True, True])
    assert youden_threshold(positive, np.array([0.1, 0.2, 0.6, 0.7])) == pytest.approx(
        0.4
    )


def test_where_nothing_can_be_chosen_a_half_is_taken():
    positive = np.array([False, True])
    with pytest.warns(CheckWarning, match="no threshold is better than another"):
        assert youden_threshold(positive, np.array([0.3, 0.3])) == 0.5
    objective = resolve_objective("f1").among(("no", "yes"))
    labels = np.array(["no", "yes"], dtype=object)
    with pytest.warns(CheckWarning, match="no threshold is better than another"):
        cut = objective_threshold(
            objective, labels, np.full(2, 0.3), None, ("no", "yes")
        )
    assert cut == 0.5


def test_a_threshold_follows_the_contract_of_estimators(table):
    X, y, _ = table
    model = AtThreshold(LogisticRegression(), 0.2, ("control", "case"))
    fitted = clone(model).fit(X, y)
    assert set(fitted.predict(X)) == set(fitted.classes_) == {"case", "control"}
    assert fitted.score(X, y) > 0.5


@pytest.mark.parametrize("value", [0.0, 1.0, 1.5])
def test_what_is_no_probability_is_told(value):
    with pytest.raises(ValueError) as told:
        make_spec(LogisticRegression, threshold=value)
    assert str(told.value) == (
        "`threshold` must lie between 0 and 1, or be 'youden' or 'inner', got "
        f"{value!r}; 0.5 is where most models stand."
    )


@pytest.mark.parametrize(
    ("model", "target", "rule", "message"),
    [
        (
            Ridge,
            "number",
            0.3,
            "threshold of 'model' is for two classes and the target is a number; leave it "
            "out.",
        ),
        (
            LogisticRegression,
            "three",
            0.3,
            "threshold of 'model' is for two classes and the target has 3; leave it out.",
        ),
        (
            LinearSVC,
            "two",
            "youden",
            "threshold of 'model' needs probabilities, which 'model' does not give; leave "
            "it out, or put the model into a CalibratedClassifierCV.",
        ),
        (
            LogisticRegression,
            "two",
            "inner",
            "threshold of 'model': 'inner' takes what the objective of set_inner_cv likes "
            "best, which must score predicted classes; pass for example "
            "objective_scorer='f1' there, or threshold='youden'.",
        ),
    ],
)
def test_what_cannot_have_one_is_told_before_the_first_fit(
    table, model, target, rule, message
):
    X, y, group = table
    targets = {
        "number": X["a"],
        "two": y,
        "three": pd.Series(np.arange(N) % 3, name="k"),
    }
    cv = CrossValidation().set_data(X[["b", "c"]], targets[target], group)
    cv = cv.add_model(model, model_name="model", threshold=rule)
    cv = cv.set_run(silence=["groups-ignored", "groups-unused"])
    with pytest.raises(ValueError) as told:
        cv.perform()
    assert str(told.value) == message
