import logging
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution, IntDistribution
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flexcv import CrossValidation, ModelConfigDict, ModelMappingDict, ObjectiveScorer
from flexcv.errors import CheckError, NotPerformedError, PlanError
from tests.evaluation.test_unit import GroupMean

SILENT = ("groups-ignored", "groups-unused")


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(80, 3)), columns=["a b", "x+1", "c"])
    group = pd.Series(np.repeat(np.arange(10), 8), name="group")
    y = X["a b"] - X["c"] + rng.normal(size=10).repeat(8) + rng.normal(size=80) * 0.5
    return X, y.rename("y"), group


@pytest.fixture
def cv(table):
    return CrossValidation().set_data(*table).set_run(silence=SILENT)


@pytest.mark.parametrize(
    "splitter", [KFold(4), GroupKFold(4), ShuffleSplit(3, random_state=0)]
)
@pytest.mark.parametrize(
    "model",
    [
        LinearRegression(),
        RandomForestRegressor(5, random_state=0),
        make_pipeline(StandardScaler(), Ridge()),
    ],
)  # fmt: skip
def test_scores_equal_scikit_learns_cross_validate(cv, table, splitter, model):
    X, y, group = table
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = cross_validate(
            model, X, y, groups=group, cv=splitter, return_train_score=True,
            scoring=["r2", "neg_mean_squared_error"],
        )  # fmt: skip
    results = (
        cv.set_splits(splitter, scale_out=False).add_model(model).perform().results
    )
    by_metric = results[next(iter(results))]["folds_by_metrics"]
    for ours, theirs, sign in [
        ("r2", "test_r2", 1),
        ("mse", "test_neg_mean_squared_error", -1),
        ("r2_train", "train_r2", 1),
    ]:
        np.testing.assert_allclose(by_metric[ours], sign * expected[theirs], atol=1e-12)


def test_shuffled_targets_give_no_skill(table):
    X, y, group = table
    rng = np.random.default_rng(1)
    r2 = []
    for _ in range(10):
        cv = (
            CrossValidation()
            .set_data(X, rng.permutation(y), group)
            .set_run(silence=SILENT)
        )
        cv.set_inner_cv(3).set_splits(n_splits_out=4, n_splits_in=2)
        cv.add_model(Ridge, params={"alpha": FloatDistribution(0.1, 100, log=True)})
        r2.append(cv.perform().results.summary.loc[("mean", "r2"), "Ridge"])
    assert np.mean(r2) < 0.02


def test_a_feature_that_marks_the_folds_test_rows_cannot_help(table):
    group = table[2]
    rng = np.random.default_rng(2)
    noise = pd.Series(rng.normal(size=80), name="y")
    rows = np.arange(80)
    pairs = [(rows[20:], rows[:20]), (np.r_[rows[:20], rows[40:]], rows[20:40])]
    leak = pd.DataFrame({"noise": rng.normal(size=80)})
    for number, (_, test) in enumerate(pairs):
        # Equal to the target in this fold's test rows, empty of it in training.
        leak[f"leak{number}"] = np.where(np.isin(rows, test), noise, 0.0)
    cv = CrossValidation().set_data(leak, noise, group).set_splits(pairs)
    scores = cv.add_model(Ridge).set_run(silence=SILENT).perform().results
    own = [scores["Ridge"]["model"][fold]["model"].coef_[1 + fold] for fold in range(2)]
    np.testing.assert_allclose(own, 0, atol=1e-12)


def test_the_order_of_the_calls_does_not_matter(table):
    def one(cv):
        return cv.set_splits(n_splits_out=3).set_data(*table).add_model(Ridge)

    def other(cv):
        return cv.add_model(Ridge).set_data(*table).set_splits(n_splits_out=3)

    summaries = [
        order(CrossValidation().set_run(silence=SILENT)).perform().results.summary
        for order in (one, other)
    ]
    pd.testing.assert_frame_equal(*summaries)


def test_calling_a_setter_again_changes_only_what_is_passed(cv):
    cv.set_splits("GroupKFold", n_splits_out=3, metrics=["mae"])
    cv.set_splits(n_splits_out=2)
    assert (cv.plan.outer, len(cv.plan)) == ("GroupKFold", 2)
    cv.set_run(random_seed=5)
    cv.add_model(Ridge).perform()
    assert list(cv.results.summary.loc["mean"].index) == ["mae", "mae_train"]


def test_new_data_forget_what_belonged_to_the_old_rows(cv, table):
    X, y, group = table
    cv.set_data(X, y)
    assert "groups" not in repr(cv)
    cv.set_data(X, y, group).set_data(groups=group.rename("other"))
    assert "by 'other'" in repr(cv)


def test_an_iterator_of_splits_survives_a_second_call(cv):
    rows = np.arange(80)
    cv.set_splits(iter([(rows[40:], rows[:40])]))
    cv.set_splits(scale_out=False)
    assert len(cv.plan) == 1


def test_setting_only_the_seed_needs_nothing_else(cv):
    assert cv.set_run(random_seed=7).add_model(Ridge).perform().results


def test_equal_seeds_give_equal_results_and_others_do_not(table):
    def predictions(seed):
        cv = (
            CrossValidation().set_data(*table).set_run(random_seed=seed, silence=SILENT)
        )
        cv.add_model(RandomForestRegressor, model_kwargs={"n_estimators": 3})
        return cv.perform().results.predictions["y_pred"]

    assert predictions(1).equals(predictions(1))
    assert not predictions(1).equals(predictions(2))


def test_no_global_generator_is_touched(cv):
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    cv.add_model(RandomForestRegressor, model_kwargs={"n_estimators": 3}).perform()
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_nothing_is_printed_or_logged(cv, capfd, caplog):
    space = {"alpha": FloatDistribution(0.1, 1)}
    cv.set_inner_cv(2).add_model(Ridge, params=space).perform()
    out, err = capfd.readouterr()
    assert (out, err, caplog.records) == ("", "", [])


def test_models_from_every_source_mix_freely(cv):
    mapping = ModelMappingDict(
        {
            "Mapped": ModelConfigDict(
                {
                    "model": Ridge,
                    "params": {"alpha": FloatDistribution(1, 2)},
                    "n_trials": 2,
                }
            )
        }
    )
    yaml = "Yaml:\n  model: sklearn.linear_model.LinearRegression\n"
    cv.set_models(mapping, yaml_string=yaml).add_model(GroupMean)
    results = cv.set_splits(n_splits_out=2).perform().results
    assert list(results) == ["Mapped", "Yaml", "GroupMean"]
    assert len(results.trials) == 2 * 2


def test_metrics_and_objective_of_the_user_are_used(cv):
    seen = []

    def objective(y_valid, y_pred, y_train_in, y_pred_train):
        seen.append(len(y_train_in))
        return mean_absolute_error(y_valid, y_pred)

    cv.set_inner_cv(2, ObjectiveScorer(objective)).set_splits(
        n_splits_out=2, n_splits_in=2
    )
    cv.set_splits(metrics={"gap": lambda t, p: float(np.max(np.abs(t - p)))})
    cv.add_model(Ridge, params={"alpha": FloatDistribution(0.1, 1)})
    assert list(cv.perform().results.summary.loc["mean"].index) == ["gap", "gap_train"]
    assert len(seen) == 2 * 2 * 2


def test_a_metric_that_cannot_work_is_refused_before_the_first_fit(cv):
    cv.set_splits(metrics={"odd": lambda y, p: 1 / 0}).add_model(GroupMean)
    with pytest.raises(ValueError, match="metric 'odd' fails already on the target"):
        cv.perform()
    with pytest.raises(ValueError, match="metric 'rows'"):
        cv.set_splits(metrics={"rows": lambda y, p: y - p}).perform()


def test_a_refused_run_leaves_no_results_of_an_earlier_one(cv, table):
    cv.add_model(Ridge).perform()
    with pytest.raises(CheckError):
        cv.set_data(table[0].assign(leak=table[1]), table[1], table[2]).perform()
    with pytest.raises(NotPerformedError):
        cv.get_results()


def test_the_first_fold_alone_can_be_tried(cv):
    cv.set_splits(break_cross_val=True).add_model(Ridge).perform()
    assert cv.results["Ridge"]["folds_by_metrics"]["r2"]
    assert len(cv.results["Ridge"]["model"]) == 1


def test_diagnostics_describe_both_parts_of_each_fold(cv):
    cv.set_splits("GroupKFold", n_splits_out=2).set_run(diagnostics=True)
    frame = cv.add_model(Ridge).perform().results.diagnostics
    assert frame["part"].tolist() == ["train", "test"] * 2
    assert (frame.query("part == 'test'")["n_new_groups"] == 5).all()
    assert (frame.query("part == 'train'")["n_new_groups"] == 0).all()


def test_short_spellings_work():
    cv = CrossValidation().set_splits(split_out="GroupKFold", split_in="GroupKFold")
    assert "GroupKFold" in repr(cv)


def test_categorical_and_text_features_reach_models_as_a_frame(table):
    X, y, group = table
    X = X.assign(kind=pd.Categorical(["u", "v"] * 40), word=["p", "q"] * 40)
    cv = CrossValidation().set_data(X, y, group).set_run(silence=SILENT)
    cv.add_model(GroupMean).perform()
    fitted = cv.results.estimators["GroupMean"][0]
    assert fitted[-1].columns_ == [*X.columns, "group"]


def test_one_feature_and_one_column_frames_are_enough(table):
    X, y, group = table
    cv = CrossValidation().set_data(X[["c"]], y.to_frame(), group.to_frame())
    assert cv.add_model(Ridge).set_run(silence=SILENT).perform().results


def test_a_notebook_shows_the_builder_without_the_data(cv):
    html = cv.add_model(Ridge)._repr_html_()
    assert "80 rows" in html
    assert "Ridge" in html
    assert len(html) < 2000


def test_results_before_perform_say_what_to_call(cv):
    with pytest.raises(NotPerformedError) as caught:
        cv.get_results()
    assert str(caught.value) == "there are no results yet; call perform() first."


REFUSED = {
    "unknown keyword": (lambda cv: cv.set_splits(n_split_out=3), "set_splits has no argument 'n_split_out'; did you mean 'n_splits_out'?"),
    "unknown keyword of add_model": (lambda cv: cv.add_model(Ridge, n_trial=5), "add_model has no argument 'n_trial'; did you mean 'n_trials'?"),
    "no data": (lambda cv: CrossValidation().add_model(Ridge).perform(), "there are no data yet; call set_data(X, y, ...) first."),
    "no model": (lambda cv: cv.perform(), "there is no model yet; call add_model(...) first."),
    "same name": (lambda cv: cv.add_model(Ridge).add_model(Ridge), "a model called 'Ridge' was added already; pass replace=True to put this one in its place, or another `model_name`."),
    "flag": (lambda cv: cv.set_splits(scale_out="yes"), "`scale_out` must be True or False, got 'yes'."),
    "number": (lambda cv: cv.set_splits(n_splits_out=1), "`n_splits_out` must be at least 2, got 1."),
    "trials": (lambda cv: cv.set_inner_cv(2.5), "`n_trials` must be a whole number, got 2.5."),
    "no models": (lambda cv: cv.set_models(), "set_models got nothing; pass `mapping`, `yaml_path` or `yaml_string`."),
    "splits": (lambda cv: cv.set_splits(n_splits=3), "set_splits has no argument 'n_splits'; did you mean 'n_splits_out' or 'n_splits_in'?"),
    "file as mapping": (lambda cv: cv.set_models("models.yaml"), "`mapping` must be a dictionary, got 'models.yaml'; pass a file as yaml_path= and YAML text as yaml_string=."),
    "seed": (lambda cv: cv.set_run(random_seed=-1), "`random_seed` must be at least 0, got -1."),
    "iterations": (lambda cv: cv.set_merf(True, -3), "`em_max_iterations` must be at least 0, got -3."),
    "known groups": (lambda cv: cv.set_lmer("no"), "`predict_known_groups_lmm` must be True or False, got 'no'."),
    "merf without groups": (
        lambda cv: CrossValidation().set_data([[1.0], [2.0]], [1, 2]).set_merf(True).add_model(Ridge).perform(),
        "MERF around 'Ridge' needs groups and the data have none; pass `groups` to set_data, or leave set_merf and add_merf off.",
    ),
    "merf around a mixed model": (
        lambda cv: cv.add_model(GroupMean, add_merf=True).perform(),
        "'GroupMean' has random effects of its own, so add_merf=True cannot put MERF around it; leave add_merf out for this model.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_unusable_calls_are_refused_in_one_sentence(cv, case):
    call, message = REFUSED[case]
    with pytest.raises((TypeError, ValueError)) as caught:
        call(cv)
    assert str(caught.value) == message


def test_a_refused_call_leaves_the_chain_as_it_was(cv):
    cv.set_splits("GroupKFold", n_splits_out=3)
    with pytest.raises(ValueError):
        cv.set_splits(n_splits_out=0)
    assert len(cv.plan) == 3


def test_an_impossible_plan_is_refused_before_anything_is_fitted(cv):
    cv.set_splits("GroupKFold", n_splits_out=20).add_model(Ridge)
    with pytest.raises(PlanError, match="need at least as many groups, got 10"):
        cv.perform()


IMPORT = """
import logging, random, sys, warnings
import numpy, pandas, sklearn.model_selection, optuna
before = (list(warnings.filters), list(logging.root.handlers), random.getstate(),
          numpy.random.get_state()[1].tolist())
from flexcv import CrossValidation
after = (list(warnings.filters), list(logging.root.handlers), random.getstate(),
         numpy.random.get_state()[1].tolist())
assert before == after
heavy = {"matplotlib", "statsmodels", "torch", "xgboost", "shap", "mlflow", "neptune"}
print(sorted(heavy & set(sys.modules)))
"""


def test_importing_has_no_side_effect_and_loads_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_library_logger_is_silent_by_default():
    handlers = logging.getLogger("flexcv").handlers
    assert [type(handler) for handler in handlers] == [logging.NullHandler]


def test_integer_parameters_stay_integers(cv):
    cv.set_inner_cv(1).add_model(
        RandomForestRegressor, params={"n_estimators": IntDistribution(2, 4)}
    )
    params = cv.set_splits(n_splits_out=2).perform().results.params
    assert params["n_estimators"].dtype == "Int64"
