"""Weights of rows reach fits, the inner objective and scores, each if asked for."""

import numpy as np
import pandas as pd
import pytest
import sklearn
import sklearn.metrics as skm
from optuna.distributions import CategoricalDistribution
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.neighbors import KNeighborsRegressor

from flexcv import CrossValidation, CrossValidationResults
from flexcv.errors import CheckError, StorageError

N, SEED = 120, 3
SPLIT = KFold(4, shuffle=True, random_state=0)
NUMBER_METRICS = ["r2", "mse", "mae", "rmse", "medae", "mape", "explained_variance"]
CLASS_METRICS = ["log_loss", "brier", "roc_auc", "balanced_accuracy", "accuracy", "f1"]
ALPHAS = [0.01, 1.0, 100.0, 1000.0]


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(SEED)
    X = pd.DataFrame(rng.normal(size=(N, 3)), columns=list("abc"))
    y = pd.Series(X["a"] + X["b"] ** 2 + rng.normal(size=N), name="y")
    group = pd.Series(np.repeat(np.arange(12), 10), name="group")
    return X, y, group, rng.integers(1, 4, N).astype(float)


def chain(
    X, y, group=None, *, split=SPLIT, metrics=None, silence=("groups-ignored",), **data
):
    cv = CrossValidation().set_data(X, y, group, **data)
    cv = cv.set_splits(split, scale_out=False, n_splits_in=3, metrics=metrics)
    return cv.set_run(progress=False, silence=silence)


def test_scores(cv):
    return cv.perform().results.scores.query("part == 'test'")["value"].to_numpy()


test_scores.__test__ = False


@pytest.mark.parametrize("reach", [("fit",), ("scores",), ("fit", "scores")])
@pytest.mark.parametrize("scoring", ["r2", "neg_mean_absolute_error"])
def test_scores_are_those_of_cross_validate(table, reach, scoring):
    X, y, _, weights = table
    cv = chain(X, y, weights=weights, weights_in=reach, metrics=[scoring]).add_model(
        Ridge
    )
    with sklearn.config_context(enable_metadata_routing=True):
        model = Ridge().set_fit_request(sample_weight="fit" in reach)
        scorer = skm.get_scorer(scoring).set_score_request(
            sample_weight="scores" in reach
        )
        expected = cross_validate(
            model, X, y, cv=SPLIT, scoring=scorer, params={"sample_weight": weights}
        )["test_score"]
    np.testing.assert_allclose(test_scores(cv), expected, rtol=1e-12)


@pytest.mark.parametrize(
    "scoring", ["neg_log_loss", "roc_auc", "balanced_accuracy", "f1"]
)
def test_scores_of_classes_are_those_of_cross_validate(table, scoring):
    X, y, _, weights = table
    cv = chain(X, y.gt(0.5).astype(int), weights=weights, metrics=[scoring])
    cv = cv.add_model(LogisticRegression)
    with sklearn.config_context(enable_metadata_routing=True):
        model = LogisticRegression().set_fit_request(sample_weight=True)
        scorer = skm.get_scorer(scoring).set_score_request(sample_weight=True)
        expected = cross_validate(
            model, X, y.gt(0.5).astype(int), cv=SPLIT, scoring=scorer,
            params={"sample_weight": weights},
        )["test_score"]  # fmt: skip
    np.testing.assert_allclose(test_scores(cv), expected, rtol=1e-12)


def test_the_inner_objective_is_that_of_a_grid_search(table):
    X, y, _, weights = table
    train = next(SPLIT.split(X))[0]
    cv = chain(X, y, weights=weights, metrics=["mse"])
    cv = cv.set_inner_cv(
        len(ALPHAS), try_defaults=False, warm_start=[{"alpha": a} for a in ALPHAS]
    )
    cv = cv.add_model(Ridge, params={"alpha": CategoricalDistribution(ALPHAS)})
    trials = cv.perform().results.trials.query("fold == 0")
    inner = [(s.train, s.test) for s in cv.plan.folds[0].inner]
    place = {row: number for number, row in enumerate(train)}
    inner = [tuple([place[row] for row in part] for part in pair) for pair in inner]
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(
            Ridge().set_fit_request(sample_weight=True),
            {"alpha": ALPHAS},
            cv=inner,
            scoring=skm.get_scorer("neg_mean_squared_error").set_score_request(
                sample_weight=True
            ),
        ).fit(X.iloc[train], y.iloc[train], sample_weight=weights[train])
    expected = dict(zip(ALPHAS, -search.cv_results_["mean_test_score"], strict=True))
    found = dict(zip(trials["params_alpha"], trials["value"], strict=True))
    for alpha, value in expected.items():
        assert found[alpha] == pytest.approx(value, rel=1e-7)  # trials are rounded


@pytest.mark.parametrize("place", ["fit", "objective", "scores"])
def test_each_use_can_be_switched_off(table, place):
    X, y, _, weights = table
    params = {"alpha": CategoricalDistribution(ALPHAS)}

    def run(**data):
        cv = chain(X, y, metrics=["mse"], **data).set_inner_cv(4)
        return cv.add_model(Ridge, params=params).perform().results

    without, only = run(), run(weights=weights, weights_in=place)
    moved = {
        "fit": not np.allclose(
            without.predictions["y_pred"], only.predictions["y_pred"]
        ),
        "objective": not np.allclose(without.trials["value"], only.trials["value"]),
        "scores": "weight" in only.predictions,
    }
    assert moved["scores"] == (place == "scores")
    assert moved["objective"] == (place in {"fit", "objective"})
    assert place != "fit" or moved["fit"]


def repeated(X, y, group, weights):
    """Write each row as often as its weight says; with the splits of the rows."""
    rows = np.repeat(np.arange(len(X)), weights.astype(int))
    folds = [
        tuple(np.flatnonzero(np.isin(rows, part)) for part in fold)
        for fold in SPLIT.split(X)
    ]
    X, y, group = (part.iloc[rows].reset_index(drop=True) for part in (X, y, group))
    return X, y, group, folds


class Fixed(LinearRegression):
    """A model that learns nothing, so that repeated rows do not change it."""

    def fit(self, X, y, sample_weight=None):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return np.asarray(X)[:, 0] + 0.3 * np.asarray(X)[:, 1]


class Other(Fixed):
    def predict(self, X):
        return 0.5 * np.asarray(X)[:, 0]


def test_whole_weights_are_repeated_rows(table):
    X, y, group, weights = table
    names = ["r2", "mse", "mae", "rmse", "mape", "explained_variance"]

    def results(X, y, group, split, **data):
        cv = chain(
            X,
            y,
            group,
            split=split,
            metrics=names,
            silence=("groups-ignored", "identical-rows"),
            **data,
        )
        return cv.add_model(Fixed).add_model(Other).perform().results

    weighted = results(X, y, group, SPLIT, weights=weights)
    *tables, folds = repeated(X, y, group, weights)
    copies = results(*tables, folds)
    pd.testing.assert_frame_equal(weighted.summary, copies.summary, rtol=1e-12)
    for name in names:
        one, other = weighted.interval(name), copies.interval(name)
        pd.testing.assert_frame_equal(one, other, rtol=1e-9)
        one, other = (
            r.compare(name).drop(columns="sentence") for r in (weighted, copies)
        )
        columns = ["difference", "lower", "upper", "fold_difference"]
        pd.testing.assert_frame_equal(one[columns], other[columns], rtol=1e-9)
    known, same = (
        r.by_known_group().drop("n_rows", level="Metric") for r in (weighted, copies)
    )
    pd.testing.assert_frame_equal(known, same, rtol=1e-12)


@pytest.mark.parametrize("name", CLASS_METRICS)
def test_whole_weights_are_repeated_rows_of_classes(table, name):
    X, y, _, weights = table
    label = pd.Series(np.where(y > 0.5, "yes", "no"), name="label")
    rows = np.repeat(np.arange(N), weights.astype(int))
    cv = chain(X, label, weights=weights, metrics=[name]).add_model(LogisticRegression)
    results = cv.perform().results
    test = results.predictions.query("part == 'test'").sort_values("row")
    copies = test.iloc[rows]
    pooled = results.interval(name)["pooled"].iloc[0]
    classes = results.task.classes
    [metric] = results.metrics
    response = copies["proba_yes"] if metric.needs_probabilities else copies["y_pred"]
    expected = metric.among(classes)(copies["y_true"].to_numpy(), response.to_numpy())
    assert pooled == pytest.approx(expected, rel=1e-12)


def test_intervals_do_not_depend_on_the_unit_of_weights(table):
    X, y, group, weights = table
    label = pd.Series(np.where(y > 0.5, "yes", "no"), name="label")

    def interval(weights):
        cv = chain(X, label, group, weights=weights, weights_in="scores")
        return cv.add_model(LogisticRegression).perform().results.interval("roc_auc")

    pd.testing.assert_frame_equal(interval(weights), interval(weights / 1000))


def test_a_column_of_the_table_is_no_feature_then(table):
    X, y, _, weights = table
    named = chain(X.assign(w=weights), y, weights="w").add_model(Ridge)
    given = chain(X, y, weights=weights.tolist()).add_model(Ridge)
    np.testing.assert_array_equal(test_scores(named), test_scores(given))
    assert "weights in fit and objective and scores" in repr(named)


def test_workers_weigh_as_this_process(table):
    X, y, _, weights = table
    cv = chain(X, y, weights=weights).add_model(Ridge)
    serial = cv.perform().results
    parallel = cv.copy().set_run(n_jobs=2).perform().results
    pd.testing.assert_frame_equal(serial.scores, parallel.scores)


def test_a_stored_run_knows_its_weights(table, tmp_path):
    X, y, group, weights = table
    cv = chain(X, y, group, weights=weights).add_model(Ridge).set_run(tmp_path / "run")
    results = cv.perform().results
    loaded = CrossValidationResults.load(tmp_path / "run")
    pd.testing.assert_frame_equal(results.predictions, loaded.predictions)
    pd.testing.assert_frame_equal(results.interval("medae"), loaded.interval("medae"))


@pytest.mark.parametrize(
    "change", [{"weights_in": "fit"}, {"weights": None}, {"weights": "other"}]
)
def test_a_run_of_other_weights_is_another_run(table, tmp_path, change):
    X, y, _, weights = table
    cv = chain(X, y, weights=weights).add_model(Ridge).set_run(tmp_path / "run")
    cv.perform()
    if change.get("weights") == "other":
        change = {"weights": weights[::-1].copy()}
    with pytest.raises(StorageError, match="another run: weights differ"):
        cv.set_data(**change).perform()


def test_a_model_that_takes_no_weights_is_told_before_the_first_fit(table):
    X, y, _, weights = table
    cv = chain(X, y, weights=weights).add_model(KNeighborsRegressor).add_model(Ridge)
    with pytest.raises(CheckError) as told:
        cv.perform()
    assert str(told.value) == (
        "the data have weights, but the fit of 'KNeighborsRegressor' takes none; use "
        "other models, leave 'fit' out of `weights_in` in set_data, or silence this to "
        "fit these models with all rows alike. (silence='weights-unread' in set_run)"
    )
    plain = chain(X, y).add_model(KNeighborsRegressor).perform().results.predictions
    cv = cv.set_run(silence="weights-unread").perform()
    alike = cv.results.predictions.query("model == 'KNeighborsRegressor'")
    np.testing.assert_array_equal(alike["y_pred"], plain["y_pred"])


def test_a_metric_that_takes_no_weights_is_told_before_the_first_fit(table):
    X, y, _, weights = table
    cv = chain(X, y, weights=weights, metrics=["r2", "max_error"]).add_model(Ridge)
    with pytest.raises(ValueError) as told:
        cv.perform()
    assert str(told.value) == (
        "the data have weights, but metric 'max_error' takes no `sample_weight`; use "
        "another, give your function that argument, or leave 'scores' out of "
        "`weights_in` in set_data."
    )


def test_an_objective_that_takes_no_weights_is_told_before_the_first_fit(table):
    X, y, _, weights = table
    cv = chain(X, y, weights=weights).set_inner_cv(
        2, lambda y, p: float(abs(y - p).max())
    )
    cv = cv.add_model(Ridge, params={"alpha": CategoricalDistribution(ALPHAS)})
    with pytest.raises(
        ValueError, match="the objective of the tuning takes no `sample_weight`"
    ):
        cv.perform()


def test_a_fit_argument_of_the_model_comes_first(table):
    X, y, _, weights = table
    other = weights[::-1].copy()
    own = chain(X, y, weights=weights, weights_in="fit")
    own = own.add_model(Ridge, fit_kwargs={"sample_weight": other})
    given = chain(X, y, weights=other, weights_in="fit").add_model(Ridge)
    np.testing.assert_array_equal(test_scores(own), test_scores(given))


def test_a_test_part_without_weight_has_no_score(table):
    X, y, _, weights = table
    weights = weights.copy()
    weights[next(SPLIT.split(X))[1]] = 0.0
    results = chain(X, y, weights=weights).add_model(Ridge).perform().results
    assert np.isnan(results.scores.query("part == 'test' and fold == 0")["value"]).all()
    assert "all these rows have the weight zero" in results.warnings["message"].iloc[0]


def test_weights_reach_merf(table):
    X, y, group, weights = table

    def predicted(**data):
        cv = chain(X, y, group, **data).set_merf(True, 2)
        cv = cv.add_model(RandomForestRegressor, model_kwargs={"n_estimators": 5})
        return cv.perform().results.predictions.query("model.str.startswith('MERF')")

    assert not np.allclose(predicted()["y_pred"], predicted(weights=weights)["y_pred"])
