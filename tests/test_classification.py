import json
import warnings

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution
from sklearn import metrics as skm
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.model_selection import cross_validate
from sklearn.svm import LinearSVC

from flexcv import CrossValidation, CrossValidationResults, Metric, ObjectiveScorer
from flexcv.datasets import load_verbagg
from flexcv.errors import CheckWarning, FailedModelWarning, FlexcvError, UnitError
from flexcv.storage.units import load_unit
from flexcv.synthesizer import generate_classification, generate_counts

SILENT = ("groups-ignored", "groups-unused")
FEW = {"n_bootstrap": 100}
C = {"C": FloatDistribution(0.01, 10.0, log=True)}
FOREST = {"n_estimators": 8, "random_state": 0}


@pytest.fixture(scope="module")
def table():
    """Features, groups, and targets of two and of three classes."""
    X, y, group, _ = generate_classification(3, 240, n_groups=20, random_seed=3)
    three = np.select([X["x1"] > 0.8, y.eq(1)], ["c", "b"], "a")
    return X, y.map({0: "no", 1: "yes"}), pd.Series(three, name="kind"), group


def chain(X, y, group=None, *, split="StratifiedKFold", metrics=None, **run):
    cv = CrossValidation().set_data(X, y, group)
    cv = cv.set_splits(split, n_splits_out=3, n_splits_in=2, metrics=metrics)
    return cv.set_inner_cv(4).set_run(silence=SILENT, **run)


@pytest.fixture(scope="module", params=["two", "three"])
def results(request, table):
    X, two, three, group = table
    cv = chain(X, two if request.param == "two" else three, group, diagnostics=True)
    cv = cv.add_model(LogisticRegression, model_name="Logit", params=C)
    return (
        cv.add_model(RandomForestClassifier, model_name="Forest", model_kwargs=FOREST)
        .perform()
        .results
    )


# -- scores --

SCORERS = [
    "neg_log_loss",
    "neg_brier_score",
    "accuracy",
    "balanced_accuracy",
    "f1_macro",
    "matthews_corrcoef",
]


@pytest.mark.parametrize("kind", ["two", "three"])
@pytest.mark.parametrize(
    "model",
    [LogisticRegression(), RandomForestClassifier(**FOREST)],
    ids=["logit", "forest"],
)
def test_scores_equal_those_of_cross_validate(table, kind, model):
    X, two, three, _ = table  # of two texts scikit-learn has no Brier score
    y, area = (
        (two.eq("yes").astype(int), "roc_auc")
        if kind == "two"
        else (three, "roc_auc_ovr")
    )
    cv = chain(X, y).set_splits(metrics=[*SCORERS, area], scale_out=False)
    ours = cv.add_model(model, model_name="m").perform().results.scores
    pairs = [(fold.train, fold.test) for fold in cv.plan]
    theirs = cross_validate(model, X, y, cv=pairs, scoring=[*SCORERS, area])
    for name in (*SCORERS, area):
        own = ours.query("part == 'test' and metric == @name")["value"]
        np.testing.assert_allclose(own, theirs[f"test_{name}"], rtol=0, atol=1e-12)


def test_each_kind_of_target_has_its_own_metrics(results):
    area = "roc_auc" if results.task.kind == "binary" else "roc_auc_ovr"
    names = ["log_loss", "brier", area, "balanced_accuracy"]
    assert [metric.name for metric in results.metrics] == names
    assert results.scores["value"].notna().all()


def test_a_metric_of_probabilities_gets_them_as_scikit_learn_gives_them(table):
    X, two, three, _ = table
    for y, shape in ((two, (80,)), (three, (80, 3))):
        metric = Metric("size", lambda _, p: float(p.size), response="predict_proba")
        cv = chain(X, y, metrics=[metric]).add_model(DummyClassifier)
        values = cv.perform().results.scores.query("part == 'test'")["value"]
        assert set(values) == {float(np.prod(shape))}


def test_scikit_learns_own_function_is_understood_as_the_metric_it_is(table):
    X, y, _, _ = table
    cv = chain(X, y, metrics={"loss": skm.log_loss, "log_loss": "log_loss"})
    means = cv.add_model(LogisticRegression).perform().results.summary.loc["mean"]
    assert means.loc["loss"].equals(means.loc["log_loss"])


@pytest.mark.parametrize("make", [
    lambda y: y.eq("yes"),
    lambda y: y.eq("yes").astype(int),
    lambda y: y.eq("yes").astype(float),
    lambda y: y.eq("yes").astype("boolean"),
    lambda y: y.eq("yes").astype("Int64"),
    lambda y: y.astype(pd.CategoricalDtype(["maybe", "yes", "no"])),
    lambda y: y.astype(object),
    lambda y: y.tolist(),
], ids=["bool", "int", "float", "boolean", "Int64", "category", "object", "list"])  # fmt: skip
def test_labels_of_any_kind_give_the_same_scores(table, make):
    X, y, _, _ = table
    texts, others = (
        chain(X, target, metrics=["log_loss", "f1", "roc_auc"])
        .add_model(LogisticRegression)
        .perform()
        .results
        for target in (y, make(y))
    )
    np.testing.assert_allclose(
        others.scores["value"], texts.scores["value"], rtol=1e-12
    )


# -- predictions --


def test_predictions_have_a_column_for_each_class(results):
    rows, columns = results.predictions, list(results.task.columns)
    assert list(rows)[-len(columns) - 2 :] == ["y_pred", *columns, "part"]
    np.testing.assert_allclose(rows[columns].sum(axis=1), 1.0)
    assert rows["y_true"].dtype == rows["y_pred"].dtype == "category"
    assert list(rows["y_true"].cat.categories) == list(results.task.classes)


def test_probabilities_are_those_of_the_fitted_model(table, results):
    X = table[0]
    fold = results["Logit"]
    rows = results.predictions.query(
        "model == 'Logit' and part == 'test' and fold == 1"
    )
    table_of = fold["model"][1].predict_proba(X.iloc[rows["row"]])
    np.testing.assert_array_equal(rows[list(results.task.columns)], table_of)
    np.testing.assert_array_equal(results.get_probabilities("Logit", 1), table_of)
    assert (
        list(results.get_predictions("Logit", 1))
        == rows["y_pred"].tolist()
        == fold["y_pred"][1].tolist()
    )
    assert fold["y_test"][1].tolist() == rows["y_true"].tolist()


def test_a_model_without_probabilities_has_none_and_the_reason_is_kept(table):
    X, y, _, _ = table
    results = chain(X, y).add_model(LinearSVC).perform().results
    assert results.predictions[list(results.task.columns)].isna().all(axis=None)
    assert results.get_probabilities("LinearSVC", 0) is None
    assert results.summary.loc["mean", "LinearSVC"].notna().to_dict() == {
        name + part: name in {"roc_auc", "balanced_accuracy"}
        for part in ("", "_train")
        for name in ("log_loss", "brier", "roc_auc", "balanced_accuracy")
    }
    assert results.warnings["message"].iloc[0] == (
        "log_loss of the test part is NaN: the model gives no probabilities."
    )
    assert "Confusion" in results.report()


class GroupShare(ClassifierMixin, BaseEstimator):
    """The share of the last class in each known group, elsewhere in all rows."""

    def __init__(self, groups=None):
        self.groups = groups

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        is_last = pd.Series(y == self.classes_[-1])
        self.all_ = is_last.mean()
        self.share_ = is_last.groupby(X[self.groups].to_numpy()).mean()
        return self

    def predict_proba(self, X):
        share = X[self.groups].map(self.share_).fillna(self.all_).to_numpy(dtype=float)
        return np.column_stack([1 - share, share])

    def predict(self, X):
        return self.classes_[(self.predict_proba(X)[:, 1] > 0.5).astype(int)]


def test_a_classifier_that_names_groups_knows_which_are_known(table):
    X, y, _, group = table
    cv = chain(X, y, group, metrics=["log_loss", "brier"]).set_splits("KFold")
    seen = cv.add_model(GroupShare).perform().results
    new = cv.set_splits("GroupKFold").perform().results
    assert list(seen.by_known_group().index.unique("Groups")) == ["known groups"]
    assert list(new.by_known_group().index.unique("Groups")) == ["new groups"]
    assert new.predictions.query("part == 'test'")["known_group"].eq(False).all()
    of_new = new.predictions.query("part == 'test' and fold == 0")["proba_yes"]
    assert len(set(of_new)) == 1


# -- one run, kept and asked --


@pytest.mark.slow
def test_parallel_and_serial_runs_are_equal_to_the_bit(table):
    X, _, y, group = table
    cv = chain(X, y, group).add_model(LogisticRegression, params=C)
    serial = cv.perform().results
    parallel = cv.set_run(n_jobs=2).perform().results
    pd.testing.assert_frame_equal(
        parallel.predictions, serial.predictions, check_exact=True
    )
    pd.testing.assert_frame_equal(parallel.scores, serial.scores, check_exact=True)


def test_a_folder_gives_back_the_same_and_goes_on(table, tmp_path):
    X, _, y, group = table
    cv = chain(X, y, group, run=tmp_path / "run")
    cv = cv.add_model(LogisticRegression, params=C).add_model(LinearSVC)
    whole = cv.perform().results
    loaded = CrossValidationResults.load(tmp_path / "run")
    assert loaded.task == whole.task
    assert loaded.metrics == whole.metrics
    for name in ("predictions", "scores", "summary", "warnings", "trials", "rows"):
        pd.testing.assert_frame_equal(
            getattr(loaded, name), getattr(whole, name), check_exact=True
        )
    pd.testing.assert_frame_equal(loaded.compare(**FEW), whole.compare(**FEW))
    assert not list((tmp_path / "run").rglob("*.pickle")) + list(
        (tmp_path / "run").rglob("*.pkl")
    )
    [unit] = load_unit(tmp_path / "run", "LogisticRegression", 0, 0).results
    assert unit.test.predicted.dtype == np.int16
    assert unit.test.probabilities.shape == (80, 3)
    for file in (tmp_path / "run" / "units").glob("*-f1-*"):
        file.unlink()
    again = cv.perform(resume=True).results
    pd.testing.assert_frame_equal(
        again.predictions, whole.predictions, check_exact=True
    )


def test_results_answer_and_draw(results):
    pairs = results.compare(**FEW)
    assert pairs["method"].tolist() == ["bootstrap over 20 groups"]
    assert results.compare("f1_macro", **FEW)["lower"].notna().all()
    assert results.interval("accuracy", **FEW)["mean"].between(0, 1).all()
    assert results.by_known_group().notna().all(axis=None)
    assert results.get_best_model_by_metric("Logit").predict is not None
    for ax in (results.plot.scores(), results.plot.comparison(**FEW), results.plot.tuning(),
               results.plot.roc(), results.plot.calibration("Forest"), results.plot.confusion("Forest")):  # fmt: skip
        assert len(ax.get_children()) > 0
    page = results.report()
    for word in ("ROC", "Calibration", "Confusion", "rows of each class"):
        assert word in page
    assert "Residuals" not in page


def test_pooled_score_of_an_interval_is_that_of_all_test_rows(results):
    rows = results.predictions.query("model == 'Forest' and part == 'test'")
    table = rows[list(results.task.columns)].to_numpy()
    pooled = skm.log_loss(rows["y_true"].astype(str), table)
    assert results.interval("log_loss", **FEW)["mean"]["Forest"] == pytest.approx(
        pooled, abs=1e-12
    )


def test_diagnostics_give_the_share_of_each_class(results):
    shares = results.diagnostics[[f"share_{label}" for label in results.task.classes]]
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)


def test_a_tracker_gets_pictures_of_classes(table, tmp_path):
    X, y, _, group = table
    chain(X, y, group, run=tmp_path / "run").add_model(LogisticRegression).perform()
    files = {path.name for path in (tmp_path / "run" / "tracking").rglob("*")}
    assert {"classes.svg", "classes.html"} <= files
    assert not any("residual" in name for name in files)
    facts = json.dumps(
        [path.read_text() for path in (tmp_path / "run" / "tracking").rglob("*.json")]
    )
    assert "no, yes" in facts


# -- tuning --


def by_hand(X, y, fold, score):
    """The mean score of logistic regression with C=1 over the inner folds."""
    values = []
    for split in fold.inner:
        model = LogisticRegression().fit(X.iloc[split.train], y.iloc[split.train])
        values.append(
            score(y.iloc[split.test], model.predict_proba(X.iloc[split.test]))
        )
    return float(np.mean(values))


@pytest.mark.parametrize("kind", ["two", "three"])
def test_probabilities_are_tuned_on_the_log_loss(table, kind):
    X, y = table[0], table[1 if kind == "two" else 2]
    cv = chain(X, y).set_splits(scale_out=False).add_model(LogisticRegression, params=C)
    first = cv.perform().results.trials.query("trial == 0")
    expected = [by_hand(X, y, fold, skm.log_loss) for fold in cv.plan]
    np.testing.assert_allclose(first["value"], expected, rtol=0, atol=1e-12)


def area_of_one(y_true, last):
    return skm.roc_auc_score(y_true, last)


def area(y_true, table):
    return skm.roc_auc_score(y_true, table[:, 1])


@pytest.mark.parametrize("objective", [
    "roc_auc",
    skm.roc_auc_score,
    ObjectiveScorer(area_of_one, True, "predict_proba"),
    ObjectiveScorer(lambda y, p, _y, _p: area_of_one(y, p), True, "predict_proba"),
    Metric("mine", area_of_one, True, "predict_proba"),
], ids=["name", "function", "two arrays", "four arrays", "metric"])  # fmt: skip
def test_the_objective_may_be_a_score_of_probabilities(table, objective):
    X, y, _, _ = table
    cv = chain(X, y).set_splits(scale_out=False).set_inner_cv(2, objective)
    results = cv.add_model(LogisticRegression, params=C).perform().results
    expected = [by_hand(X, y, fold, area) for fold in cv.plan]
    first = results.trials.query("trial == 0")["value"]
    np.testing.assert_allclose(first, expected, rtol=0, atol=1e-12)
    assert results.information["objective_greater_is_better"] is True


def test_a_model_without_probabilities_is_tuned_on_the_error_rate(table):
    X, y, _, _ = table
    results = chain(X, y).add_model(LinearSVC, params=C).perform().results
    assert results.trials["value"].between(0, 0.5).all()


# -- classes that a part lacks --


@pytest.fixture
def rare():
    """Twelve rows; the class "c" has one of them, in the test part of fold 1."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(12, 2)), columns=["u", "v"])
    y = pd.Series(["a", "b"] * 6, name="kind")
    y.iloc[5] = "c"
    pairs = [(np.arange(6, 12), np.arange(6)), (np.arange(6), np.arange(6, 12))]
    return X, y, [pairs[1], pairs[0]]


def test_a_class_missing_in_training_has_probability_zero_and_one_warning(rare):
    X, y, pairs = rare
    cv = (
        CrossValidation().set_data(X, y).set_splits(pairs).add_model(LogisticRegression)
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        results = cv.perform().results
    assert [str(w.message) for w in caught] == [
        "no row of class 'c' is in the training part of repeat 0, fold 1: models there give it probability "
        "zero; use 'StratifiedKFold' or fewer folds. (silence='classes-missing' in set_run)",
        "no row of class 'c' is in the test part of repeat 0, fold 0: metrics that need every class are NaN "
        "there; use 'StratifiedKFold' or fewer folds. (silence='classes-missing' in set_run)",
    ]
    assert {w.category for w in caught} == {CheckWarning}
    rows = results.predictions.query("fold == 1")
    assert rows["proba_c"].eq(0.0).all()
    np.testing.assert_allclose(rows[["proba_a", "proba_b"]].sum(axis=1), 1.0)
    scores = results.scores.query("part == 'test'").set_index(["fold", "metric"])[
        "value"
    ]
    assert np.isnan(scores[0, "roc_auc_ovr"])
    assert np.isfinite(scores.drop((0, "roc_auc_ovr"))).all()
    assert scores[1, "log_loss"] > -np.log(np.finfo(float).eps) / 6.0
    assert results.warnings["message"].tolist() == [
        "roc_auc_ovr of the test part is NaN: no row is of class 'c', so there is no ROC curve.",
        "roc_auc_ovr of the train part is NaN: no row is of class 'c', so there is no ROC curve.",
    ]
    assert "Confusion" in results.report()


def test_a_scorer_of_scikit_learn_is_nan_with_its_reason_too(rare):
    X, y, pairs = rare
    cv = CrossValidation().set_data(X, y).set_run(silence="classes-missing")
    cv = cv.set_splits(pairs, metrics=["roc_auc_ovo", "f1_macro"]).add_model(
        LogisticRegression
    )
    results = cv.perform().results
    assert results.scores.query("metric == 'roc_auc_ovo'")["value"].isna().sum() == 2
    assert (
        results.warnings["message"]
        .str.startswith("roc_auc_ovo of the test part is NaN: ")
        .iloc[0]
    )


def two_rows_of_yes():
    X = pd.DataFrame({"u": np.arange(12.0)})
    return X, pd.Series(["no"] * 10 + ["yes"] * 2, name="answer")


class HalvesInside:
    """Inner folds in the order of the rows, so that one of them has no "yes"."""

    def get_n_splits(self, X=None, y=None, groups=None):
        return 3

    def split(self, X, y=None, groups=None):
        rows = np.arange(len(X))
        has = rows[np.asarray(y) == "yes"]
        for test in (np.r_[has[0], 2, 3], np.r_[has[1], 2, 3], rows[:2]):
            yield np.setdiff1d(rows, test), test


def test_inner_folds_that_lack_a_class_are_left_out_with_a_warning():
    X, y = two_rows_of_yes()
    pairs = [(np.r_[0:9, 10:12], np.array([9])), (np.r_[1:12], np.array([0]))]
    cv = (
        CrossValidation()
        .set_data(X, y)
        .set_splits(pairs, HalvesInside(), metrics="accuracy")
    )
    cv = cv.set_inner_cv(2, "roc_auc").set_run(
        silence=["classes-missing", "rare-class"]
    )
    results = cv.add_model(LogisticRegression, params=C).perform().results
    assert {"fold_0", "fold_1"} <= set(results.trials)
    assert "fold_2" not in results.trials
    assert results.warnings["message"].unique().tolist() == [
        "1 of 3 inner folds are left out of the tuning: the objective needs class 'yes' in the validation "
        "part of inner fold 2, for example; use a stratified split_in."
    ]


def test_tuning_needs_an_inner_fold_that_has_the_classes():
    X, y = two_rows_of_yes()
    cv = (
        CrossValidation()
        .set_data(X, y)
        .set_splits("StratifiedKFold", "TimeSeriesSplit", n_splits_out=2, n_splits_in=2)
    )
    cv = cv.add_model(LogisticRegression, params=C).set_run(on_error="raise")
    with pytest.raises(UnitError) as caught:
        cv.perform()
    assert isinstance(caught.value.__cause__, FlexcvError)
    assert str(caught.value.__cause__) == (
        "no inner fold can be tuned on: only class 'no' is in the training part of inner fold 0, for example; "
        "use split_in='StratifiedKFold', fewer inner folds, or another objective."
    )


def test_a_model_that_needs_two_classes_says_where_one_was_missing():
    X, y = two_rows_of_yes()
    cv = CrossValidation().set_data(X, y).set_splits([(np.arange(6), np.arange(6, 12))])
    cv = cv.add_model(LogisticRegression).set_run(
        silence="classes-missing", on_error="record"
    )
    with pytest.warns(FailedModelWarning):
        results = cv.perform().results
    message = results.warnings.query("category == 'Failure'")["message"].item()
    assert message.endswith(
        "(while fitting LogisticRegression on repeat 0, fold 0; a part of a fold may lack a class; "
        "`cv.check()` says which, and a stratified split avoids it)"
    )


def test_a_model_that_wants_numbered_classes_says_so(table):
    xgboost = pytest.importorskip("xgboost")
    cv = chain(table[0], table[1]).add_model(
        xgboost.XGBClassifier, model_kwargs={"n_jobs": 1}
    )
    with pytest.raises(UnitError) as caught:
        cv.perform()
    assert caught.value.__cause__.__notes__[-1] == (
        "the target holds texts, and this model wants whole numbers from 0; encode it, for example with "
        "pd.factorize"
    )


# -- counts --


def test_counts_have_the_poisson_deviance_of_scikit_learn():
    X, y, _, _ = generate_counts(2, 120)
    cv = (
        CrossValidation()
        .set_data(X, y)
        .set_splits(
            n_splits_out=3,
            metrics=["poisson_deviance", "mse", "mae", "neg_mean_poisson_deviance"],
        )
    )
    results = cv.add_model(PoissonRegressor).perform().results
    means = results.summary.loc["mean", "PoissonRegressor"]
    assert means["poisson_deviance"] == pytest.approx(
        -means["neg_mean_poisson_deviance"], abs=1e-12
    )
    rows = results.predictions.query("part == 'test' and fold == 0")
    expected = skm.mean_poisson_deviance(rows["y_true"], rows["y_pred"])
    first = results.summary.loc[(0, "poisson_deviance"), "PoissonRegressor"]
    assert first == pytest.approx(expected, abs=1e-12)


def test_a_predicted_mean_below_zero_has_no_deviance_and_a_reason():
    X, y, _, _ = generate_counts(2, 120, fixed_variance=1.0)
    cv = (
        CrossValidation()
        .set_data(X, y)
        .set_splits(n_splits_out=3, metrics=["poisson_deviance"])
    )
    results = cv.add_model(Ridge).perform().results
    assert results.scores["value"].isna().all()
    message = results.warnings["message"].iloc[0]
    lowest = results.predictions.query("part == 'test' and fold == 0")["y_pred"].min()
    assert message == (
        f"poisson_deviance of the test part is NaN: the model predicts {lowest:.4g} where the mean of a count "
        "must be above zero; a model with a log link does."
    )


def test_a_target_of_zero_and_one_is_a_number_to_a_regressor():
    X, y, _, _ = generate_classification(2, 60)
    results = CrossValidation().set_data(X, y).add_model(Ridge).perform().results
    assert results.task.kind == "regression"
    assert [metric.name for metric in results.metrics] == ["r2", "mse", "mae"]


# -- bad input --

REFUSED = {
    "continuous target": (
        {"y": "number"}, [LogisticRegression],
        "'LogisticRegression' is a classifier but the target 'number' is continuous, with values such as "
        "0.5; pass classes, or use a regressor.",
    ),
    "text for a regressor": (
        {}, [Ridge],
        "the target 'two' holds labels such as 'no', but 'Ridge' predicts numbers; use a classifier (a "
        "mixed model becomes one by family='binomial'), or encode the target as numbers.",
    ),
    "both kinds": (
        {"y": "whole"}, [Ridge, LogisticRegression],
        "'LogisticRegression' predicts classes but 'Ridge' numbers; one run scores one kind of prediction, "
        "so describe a chain for each.",
    ),
    "one class": (
        {"y": "one"}, [LogisticRegression],
        "the target 'one' has one class only, 'a'; a classifier needs at least two.",
    ),
    "area of three classes": (
        {"y": "three", "metrics": "roc_auc"}, [LogisticRegression],
        "metric 'roc_auc' is for two classes and the target has 3; use 'roc_auc_ovr'.",
    ),
    "f1 of three classes": (
        {"y": "three", "metrics": ["log_loss", "f1"]}, [LogisticRegression],
        "metric 'f1' is for two classes and the target has 3; use 'f1_macro'.",
    ),
    "binary objective of three classes": (
        {"y": "three", "objective": "roc_auc"}, [LogisticRegression],
        "objective 'roc_auc' is for two classes and the target has 3; use 'roc_auc_ovr'.",
    ),
    "number's metric": (
        {"metrics": ["r2"]}, [LogisticRegression],
        "metric 'r2' scores numbers, but the models predict classes; use for example 'log_loss' or "
        "'balanced_accuracy'.",
    ),
    "number's scorer": (
        {"y": "whole", "metrics": ["neg_mean_squared_error"]}, [LogisticRegression],
        "metric 'neg_mean_squared_error' scores numbers, but the models predict classes; use for example "
        "'log_loss' or 'balanced_accuracy'.",
    ),
    "number's objective": (
        {"objective": "mse"}, [LogisticRegression],
        "objective scores numbers, but the models predict classes; use for example 'log_loss' or "
        "'balanced_accuracy'.",
    ),
    "classes' metric": (
        {"y": "whole", "metrics": ["log_loss"]}, [Ridge],
        "metric 'log_loss' scores classes, but the models predict numbers; use for example 'r2' or 'mse', "
        "or classifiers.",
    ),
    "classes' scorer": (
        {"y": "whole", "metrics": ["f1"]}, [Ridge],
        "metric 'f1' scores classes, but the models predict numbers; use for example 'r2' or 'mse', or "
        "classifiers.",
    ),
    "no probabilities": (
        {"metrics": ["accuracy", "neg_log_loss"]}, [LogisticRegression, LinearSVC],
        "metric 'neg_log_loss' needs probabilities, which 'LinearSVC' does not give; leave it out, or put "
        "the model into a CalibratedClassifierCV.",
    ),
    "no probabilities to tune on": (
        {"objective": "log_loss", "params": C}, [LinearSVC],
        "the objective of the tuning needs probabilities, which 'LinearSVC' does not give; leave it out, or "
        "put the model into a CalibratedClassifierCV.",
    ),
    "negative counts": (
        {"y": "number", "metrics": ["poisson_deviance"]}, [PoissonRegressor],
        "metric 'poisson_deviance' fails already on the target scored with itself (ValueError: "
        "'poisson_deviance' takes counts of zero or more, got -1.5; score such a target by 'mse' or 'mae'.); "
        "it must take (y_true, y_pred) and give a number.",
    ),
    "MERF": (
        {"y": "three", "merf": True}, [LogisticRegression],
        "MERF models two classes and the target has 3; leave set_merf and add_merf off for "
        "'LogisticRegression', or keep two classes.",
    ),
    "MERF for classes around numbers": (
        {"y": "whole", "merf": True, "family": "binomial"}, [Ridge],
        "set_merf(family='binomial') is for classifiers and 'Ridge' predicts numbers; leave `family` out, or "
        "add MERF itself as a model.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_does_not_fit_is_refused_before_any_fit_in_one_sentence(case):
    about, models, message = REFUSED[case]
    y = pd.DataFrame({
        "two": ["no", "yes"] * 6, "three": list("abc") * 4, "whole": [0, 1] * 6,
        "number": np.arange(12) / 2 - 1.5, "one": ["a"] * 12,
    })  # fmt: skip
    y["number"] = y["number"].where(y.index > 0, 0.5).where(y.index < 11, -1.5)
    X = pd.DataFrame({"u": np.random.default_rng(0).normal(size=12)})
    target = y[about.get("y", "two")]
    cv = CrossValidation().set_data(X, target, pd.Series(list("ab") * 6, name="g"))
    cv = cv.set_splits(n_splits_out=2, metrics=about.get("metrics"))
    cv = cv.set_inner_cv(2, about.get("objective")).set_merf(
        about.get("merf", False), family=about.get("family")
    )
    cv = cv.set_run(silence=[*SILENT, "classes-missing"])
    for model in models:
        cv = cv.add_model(model, params=about.get("params"))
    with pytest.raises((TypeError, ValueError)) as caught:
        cv.perform()
    assert str(caught.value) == message
    assert isinstance(repr(cv), str)


def test_questions_about_numbers_are_refused_of_classes(results):
    for ask, name in (
        (results.plot.predicted, "predicted"), (results.plot.residuals, "residuals"),
        (results.plot.residuals_by_group, "residuals_by_group"), (results.plot.qq, "qq"),
    ):  # fmt: skip
        with pytest.raises(ValueError) as caught:
            ask()
        assert str(caught.value) == (
            f"`{name}` needs numbers, and this run predicted classes; draw `roc`, `calibration` or "
            "`confusion` instead."
        )
    with pytest.raises(ValueError) as caught:
        results.compare("r2")
    assert str(caught.value) == (
        "metric 'r2' scores numbers, but the models predict classes; use for example 'log_loss' or "
        "'balanced_accuracy'."
    )


# -- a real table --


def test_the_table_of_verbal_aggression_is_a_binary_target_with_crossed_groups():
    answers = load_verbagg().drop(columns="resp")
    answers = answers[answers["id"].astype(int) <= 20]
    cv = CrossValidation().set_data(answers, "r2", ["id", "item"])
    cv = cv.set_splits("StratifiedGroupKFold", n_splits_out=2).add_model(
        DummyClassifier
    )
    results = cv.set_run(silence=SILENT).perform().results
    assert results.task.classes == ("N", "Y")
    assert results.facts["groups"] == ["id", "item"]
    assert results.facts["features"] == ["Anger", "Gender", "btype", "situ", "mode"]


def test_a_feature_that_tells_the_class_is_warned_about():
    cv = CrossValidation().set_data(load_verbagg().head(400), "r2", ["id", "item"])
    found = cv.add_model(DummyClassifier).check().set_index("name")["message"]
    assert found["classes-told"] == (
        "the feature 'resp' tells the class of every row; drop it unless it is known before the outcome."
    )
