"""Early stopping inside a fold, on groups of its own training rows."""

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import IntDistribution
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flexcv import CrossValidation
from flexcv.dataset import Task, make_dataset
from flexcv.errors import FlexcvError
from flexcv.evaluation.early_stopping import held_out, with_rounds
from flexcv.model_mapping import make_spec

N, MANY = 240, 120
REASON = "{} is not installed; its models are tried where it is"
SMALL = {"max_depth": 3, "learning_rate": 0.2, "random_state": 0}


def of_library(package, name, **settings):
    """Make a model of an optional library, or skip with the reason."""
    library = pytest.importorskip(package, reason=REASON.format(package))
    return getattr(library, name)(**settings)


MAKERS = {
    "xgboost": lambda: of_library("xgboost", "XGBRegressor", n_estimators=MANY, n_jobs=1, **SMALL),
    "lightgbm": lambda: of_library("lightgbm", "LGBMRegressor", n_estimators=MANY, n_jobs=1, verbosity=-1, **SMALL),
    "catboost": lambda: of_library("catboost", "CatBoostRegressor", iterations=MANY, thread_count=1, allow_writing_files=False, **SMALL),
    "histogram": lambda: HistGradientBoostingRegressor(max_iter=MANY, **SMALL),
    "gradient": lambda: GradientBoostingRegressor(n_estimators=MANY, **SMALL),
}  # fmt: skip
CLASSIFIERS = {
    "xgboost": lambda: of_library("xgboost", "XGBClassifier", n_estimators=MANY, n_jobs=1, **SMALL),
    "lightgbm": lambda: of_library("lightgbm", "LGBMClassifier", n_estimators=MANY, n_jobs=1, verbosity=-1, **SMALL),
    "catboost": lambda: of_library("catboost", "CatBoostClassifier", iterations=MANY, thread_count=1, allow_writing_files=False, **SMALL),
    "histogram": lambda: HistGradientBoostingClassifier(max_iter=MANY, **SMALL),
    "gradient": lambda: GradientBoostingClassifier(n_estimators=MANY, **SMALL),
}  # fmt: skip
ROUNDS = {"catboost": "iterations", "histogram": "max_iter"}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"age": rng.normal(50, 12, N), "dose": rng.normal(200, 60, N)})
    group = pd.Series(np.repeat(np.arange(24), 10), name="group")
    y = 0.3 * X["age"] + 0.05 * X["dose"] + 3 * rng.normal(size=24)[group]
    return X, (y + rng.normal(size=N)).rename("y"), group


def chain(X, y, group, model, *, folds=3, **options):
    cv = CrossValidation().set_data(X, y, group)
    cv = cv.set_splits("GroupKFold", n_splits_out=folds, n_splits_in=2)
    cv = cv.set_run(progress=False, silence="groups-unused")
    return cv.add_model(model, model_name="model", **options)


def by_hand(table, cv, fold, library, model):
    """Fit to the rows that are not held out, scaled, with the rounds that were kept."""
    X, y, _ = table
    results = cv.results
    scaler = StandardScaler().fit(X.iloc[fold.train])
    seed = seed_of(fold)
    held = fold.train[held_out(fold.train, make_dataset(X, y, table[2]), 0.25, seed)]
    kept = np.setdiff1d(fold.train, held)
    name = ROUNDS.get(library, "n_estimators")
    rounds = int(results.params.query("fold == @fold.index")[name].iloc[0])
    fixed = with_rounds(model, {name: rounds})
    fixed.fit(scaler.transform(X.iloc[kept]), y.iloc[kept])
    return fixed.predict(scaler.transform(X.iloc[fold.test])), rounds


def seed_of(fold):
    from flexcv.evaluation.unit_tuning import model_seed  # noqa: PLC0415

    return model_seed(fold, "early stopping")


@pytest.mark.parametrize("library", MAKERS)
def test_the_rows_that_are_kept_and_the_rounds_give_the_model(table, library):
    X, y, group = table
    cv = chain(X, y, group, MAKERS[library](), early_stopping=0.25).perform()
    for fold in cv.plan:
        expected, rounds = by_hand(table, cv, fold, library, MAKERS[library]())
        found = cv.results.get_predictions("model", fold.index)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        assert 1 <= rounds < MANY


@pytest.mark.parametrize("library", MAKERS)
def test_nothing_of_test_rows_reaches_a_fit(table, library):
    X, y, group = table
    test = chain(X, y, group, Ridge()).plan.folds[0].test
    other_y, other_X = y.copy(), X.copy()
    other_y.iloc[test] = -1000.0 - np.arange(len(test))
    other_X.iloc[test] = 1e6 * np.arange(2 * len(test)).reshape(-1, 2)
    first, other = (
        chain(tables, target, group, MAKERS[library](), early_stopping=0.25)
        .perform()
        .results
        for tables, target in ((X, y), (other_X, other_y))
    )
    one, two = (
        r.predictions.query("fold == 0 and part == 'train'") for r in (first, other)
    )
    np.testing.assert_array_equal(one["y_pred"], two["y_pred"])
    assert first.params.iloc[0].to_dict() == other.params.iloc[0].to_dict()


@pytest.mark.parametrize("library", CLASSIFIERS)
def test_classifiers_stop_too(table, library):
    X, y, group = table
    label = y.gt(y.median()).astype(int)
    cv = chain(X, label, group, CLASSIFIERS[library](), early_stopping=6).perform()
    name = ROUNDS.get(library, "n_estimators")
    assert cv.results.params[name].between(1, MANY - 1).all()
    assert cv.results.summary.loc[("mean", "roc_auc"), "model"] > 0.7


@pytest.mark.parametrize("library", MAKERS)
def test_weights_reach_the_rows_held_out(table, library):
    X, y, group = table
    weights = np.where(X["age"] > 50, 1.0, 0.001)

    def rounds(**data):
        cv = chain(X, y, group, MAKERS[library](), early_stopping=0.25)
        return cv.set_data(**data).perform().results.params.iloc[:, -1].tolist()

    assert rounds() != rounds(weights=weights)


def test_the_last_step_of_a_pipeline_sees_what_the_steps_before_make(table):
    X, y, group = table
    steps = make_pipeline(StandardScaler(), MAKERS["gradient"]())
    alone, inside = (
        chain(X, y, group, model, early_stopping=0.25)
        .set_splits(scale_out=False)
        .perform()
        .results
        for model in (MAKERS["gradient"](), steps)
    )
    np.testing.assert_allclose(
        alone.predictions["y_pred"], inside.predictions["y_pred"], rtol=1e-9
    )
    assert list(inside.params.columns[3:]) == [
        "gradientboostingregressor__n_estimators"
    ]


@pytest.mark.parametrize("library", ["xgboost", "gradient"])
def test_a_tuned_model_stops_in_every_fit(table, library, tmp_path):
    X, y, group = table
    params = {"max_depth": IntDistribution(1, 4)}
    cv = chain(X, y, group, MAKERS[library](), params=params, early_stopping=0.25)
    cv = cv.set_inner_cv(3).set_run(tmp_path / "run")
    first = cv.perform().results
    assert set(first.params.columns[3:]) == {"max_depth", "n_estimators"}
    assert first.params["n_estimators"].between(1, MANY - 1).all()
    again = cv.perform().results  # read from the folder
    pd.testing.assert_frame_equal(first.params, again.params)


def test_a_model_that_was_not_kept_is_fitted_again_alike(table):
    X, y, group = table
    cv = chain(X, y, group, MAKERS["histogram"](), early_stopping=0.25)
    results = cv.set_run(keep_estimators=False).perform().results
    fold = cv.plan.folds[1]
    predicted = results.estimators["model"][1].predict(X.iloc[fold.test])
    np.testing.assert_allclose(predicted, results.get_predictions("model", 1))


def test_merf_runs_the_rounds_that_the_model_kept(table):
    X, y, group = table
    cv = chain(X, y, group, MAKERS["xgboost"](), early_stopping=0.25, add_merf=True)
    results = cv.set_merf(em_max_iterations=2).perform().results
    merf = results.estimators["MERF(model)"][0][-1]
    kept = results.params.query("model == 'model'")["n_estimators"].iloc[0]
    assert merf.get_params()["estimator__n_estimators"] == kept


def test_other_early_stopping_is_another_model(table, tmp_path):
    X, y, group = table
    cv = chain(X, y, group, MAKERS["gradient"](), early_stopping=0.25)
    cv.set_run(tmp_path / "run").perform()
    options = {"model_name": "model", "replace": True, "early_stopping": 0.3}
    with pytest.raises(Exception, match="with other settings or other code"):
        cv.add_model(MAKERS["gradient"](), **options).perform()


def test_whole_groups_are_held_out(table):
    X, y, group = table
    data, rows = make_dataset(X, y, group), np.arange(100, 220)
    held = held_out(rows, data, 0.25, 0)
    inside = group.iloc[rows].isin(group.iloc[rows[held]].unique())
    assert inside.sum() == len(held) == 30
    assert len(held_out(rows, data, 5, 0)) == 50


def test_without_groups_rows_are_held_out(table):
    X, y, _ = table
    assert len(held_out(np.arange(100), make_dataset(X, y), 0.2, 0)) == 20


def test_every_class_stays_to_learn_from(table):
    X, _, group = table
    rare = np.where(group < 2, "rare", np.where(group % 2, "a", "b"))
    data = make_dataset(X, rare, group).with_task(Task(("a", "b", "rare")))
    for seed in range(20):
        held = held_out(np.arange(N), data, 0.25, seed)
        assert set(np.delete(rare, held)) == set(rare[held]) == set(rare)


def test_a_class_of_one_group_is_learnt(table):
    X, _, group = table
    rare = np.where(group < 1, "rare", np.where(group % 2, "a", "b"))
    data = make_dataset(X, rare, group).with_task(Task(("a", "b", "rare")))
    assert all(
        "rare" not in rare[held_out(np.arange(N), data, 0.25, s)] for s in range(20)
    )


def test_holding_out_everything_is_told(table):
    X, y, group = table
    with pytest.raises(FlexcvError) as told:
        held_out(np.arange(30), make_dataset(X, y, group), 3, 0)
    assert str(told.value) == (
        "early_stopping=3 holds out 3 of 3 groups of a training part, so that none is "
        "left to learn from; use a smaller one."
    )


def test_a_model_without_rounds_is_told_before_the_first_fit(table):
    X, y, group = table
    with pytest.raises(ValueError) as told:
        chain(X, y, group, LinearRegression(), early_stopping=0.2).perform()
    assert str(told.value) == (
        "early_stopping of 'model' cannot be: it stops models of XGBoost, LightGBM and "
        "CatBoost, GradientBoosting and (from scikit-learn 1.7) HistGradientBoosting, "
        "alone or as the last step of a pipeline, got LinearRegression; leave it out."
    )


@pytest.mark.parametrize("value", [0.0, 1.0, -1, 0, 1.5])
def test_what_is_no_share_is_told(value):
    with pytest.raises(ValueError) as told:
        make_spec(GradientBoostingRegressor, early_stopping=value)
    assert str(told.value) == (
        "`early_stopping` must lie between 0 and 1, or be a whole number of groups, got "
        f"{value!r}; 0.2 holds out a fifth."
    )


@pytest.mark.parametrize(
    "fit_kwargs",
    [
        {"eval_set": None},
        {"watch": [(np.ones((3, 2)), np.ones(3))]},
        {"watch": (np.ones((3, 2)), np.ones(3))},
        {"model__X_val": np.ones((3, 2))},
    ],
)
def test_tables_beside_the_training_rows_are_refused(fit_kwargs):
    [name] = fit_kwargs
    with pytest.raises(ValueError) as told:
        make_spec(GradientBoostingRegressor, model_name="M", fit_kwargs=fit_kwargs)
    assert str(told.value) == (
        f"model 'M': `fit_kwargs[{name!r}]` holds a table that would reach the model "
        "unscaled and may hold test rows; pass early_stopping=0.2 to add_model, which "
        "holds out a fifth of the groups that each fold trains on."
    )


def test_the_chain_and_a_file_say_it(table):
    X, y, group = table
    text = "model:\n  model: sklearn.ensemble.GradientBoostingRegressor\n  early_stopping: 0.25\n"
    cv = CrossValidation().set_data(X, y, group).set_models(yaml_string=text)
    assert "early stopping: model 0.25 held out" in repr(cv)


def test_workers_stop_as_this_process(table):
    X, y, group = table
    cv = chain(X, y, group, MAKERS["gradient"](), early_stopping=0.25)
    serial = cv.perform().results
    parallel = cv.copy().set_run(n_jobs=2).perform().results
    pd.testing.assert_frame_equal(serial.scores, parallel.scores)
    pd.testing.assert_frame_equal(serial.params, parallel.params)
