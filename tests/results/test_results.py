import numpy as np
import pandas as pd
import pytest
from optuna.distributions import IntDistribution
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.tree import DecisionTreeRegressor

from flexcv import CrossValidation
from flexcv.errors import FailedModelWarning
from tests.evaluation.test_unit import Fails, GroupMean, Warns

SILENT = ("groups-ignored", "groups-unused")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    group = np.repeat([f"s{number}" for number in range(12)], 5)
    X = pd.DataFrame({"x": rng.normal(size=60), "z": rng.normal(size=60)})
    y = X["x"] + rng.normal(size=12).repeat(5) + rng.normal(size=60) * 0.3
    return X, y.rename("y"), pd.Series(group, name="subject")


def chain(table, **splits):
    cv = CrossValidation().set_data(*table).set_run(silence=SILENT)
    return cv.set_splits(**{"n_splits_out": 3, **splits})


@pytest.fixture(scope="module")
def results(table):
    space = {"max_depth": IntDistribution(1, 4)}
    cv = chain(table).set_inner_cv(2).add_model(LinearRegression).add_model(GroupMean)
    return cv.add_model(DecisionTreeRegressor, params=space).perform().get_results()


def test_the_summary_has_folds_then_averages_and_a_column_per_model(results):
    summary = results.summary
    assert list(summary) == ["LinearRegression", "GroupMean", "DecisionTreeRegressor"]
    assert summary.index.names == ["Fold", "Metric"]
    labels = list(dict.fromkeys(summary.index.get_level_values("Fold")))
    assert labels == [0, 1, 2, "mean", "median", "std"]
    metrics = list(dict.fromkeys(summary.index.get_level_values("Metric")))
    assert metrics == ["r2", "mse", "mae", "r2_train", "mse_train", "mae_train"]


def test_averages_are_those_of_the_folds(results):
    summary = results.summary["LinearRegression"]
    folds = np.array([summary[(fold, "mse")] for fold in range(3)])
    assert summary.loc[("mean", "mse")] == pytest.approx(folds.mean())
    assert summary.loc[("median", "mse")] == pytest.approx(np.median(folds))
    assert summary.loc[("std", "mse")] == pytest.approx(folds.std(ddof=1))


def test_scores_can_be_recomputed_from_the_predictions(results):
    for (model, fold, part), rows in results.predictions.groupby(
        ["model", "fold", "part"], observed=True
    ):
        scores = results.scores.set_index(["model", "fold", "part", "metric"])
        expected = r2_score(rows["y_true"], rows["y_pred"])
        assert scores.loc[(model, fold, part, "r2"), "value"] == pytest.approx(expected)
        assert scores.loc[(model, fold, part, "r2"), "n_rows"] == len(rows)


def test_predictions_are_tidy_and_cover_every_test_row_once(results, table):
    columns = [
        "model",
        "repeat",
        "fold",
        "row",
        "group",
        "known_group",
        "y_true",
        "y_pred",
        "part",
    ]
    predictions = results.predictions
    assert list(predictions) == columns
    test = predictions.query("part == 'test' and model == 'GroupMean'")
    assert sorted(test["row"]) == list(range(60))
    np.testing.assert_array_equal(table[1].iloc[test["row"]], test["y_true"])
    np.testing.assert_array_equal(table[2].iloc[test["row"]], test["group"])


def test_known_groups_are_those_in_the_folds_training_part(table):
    rows = np.arange(60)
    pairs = [(rows[10:], rows[:10]), (rows[3:], rows[:3])]
    results = (
        chain(table, split_out=pairs).add_model(LinearRegression).perform().results
    )
    test = results.predictions.query("part == 'test'")
    assert not test.query("fold == 0")["known_group"].any()
    assert test.query("fold == 1")["known_group"].all()


@pytest.mark.filterwarnings("ignore::flexcv.errors.CheckWarning")
def test_without_groups_known_group_is_missing(table):
    cv = CrossValidation().set_data(table[0], table[1]).add_model(Ridge)
    predictions = cv.perform().results.predictions
    assert predictions["known_group"].isna().all()
    assert predictions["group"].isna().all()


def test_a_models_lists_have_an_entry_per_fold(results):
    lists = results["DecisionTreeRegressor"]
    assert set(lists) == {
        "model",
        "parameters",
        "metrics",
        "folds_by_metrics",
        "y_pred",
        "y_test",
        "y_pred_train",
        "y_train",
    }
    for name in (
        "model",
        "parameters",
        "metrics",
        "y_pred",
        "y_test",
        "y_pred_train",
        "y_train",
    ):
        assert len(lists[name]) == 3
    assert lists["folds_by_metrics"]["r2"] == [m["r2"] for m in lists["metrics"]]
    assert len(lists["y_pred"][0]) == len(lists["y_test"][0])
    assert len(lists["y_pred_train"][0]) == len(lists["y_train"][0])


def test_params_have_a_row_per_tuned_model_and_fold(results):
    assert list(results.params) == ["model", "repeat", "fold", "max_depth"]
    assert results.params["max_depth"].tolist() == [
        p["max_depth"] for p in results["DecisionTreeRegressor"]["parameters"]
    ]


def test_trials_have_a_row_per_trial(results):
    assert len(results.trials) == 3 * 2
    assert results.trials.groupby("fold")["trial"].apply(list).tolist() == [[0, 1]] * 3


def test_estimators_predict_on_the_users_own_table(results, table):
    X, _, subject = table
    for fold in range(3):
        fitted = results.estimators["GroupMean"][fold]
        rows = results.predictions.query(
            "model == 'GroupMean' and part == 'test' and fold == @fold"
        )
        users = X.assign(subject=subject).iloc[rows["row"]]
        np.testing.assert_array_equal(fitted.predict(users), rows["y_pred"])


def test_the_best_model_is_that_of_the_best_fold(results):
    scores = results.scores.query("part == 'test' and metric == 'mse'")
    best = scores.loc[scores["value"].idxmin()]
    fitted = results.get_best_model_by_metric(metric_name="mse")
    assert fitted is results.estimators[best["model"]][best["fold"]]
    one = results.get_best_model_by_metric("LinearRegression", "r2")
    r2 = results["LinearRegression"]["folds_by_metrics"]["r2"]
    assert one is results.estimators["LinearRegression"][int(np.argmax(r2))]


def test_predictions_and_truth_of_one_fold_are_given(results):
    lists = results["GroupMean"]
    np.testing.assert_array_equal(
        results.get_predictions("GroupMean", 1), lists["y_pred"][1]
    )
    np.testing.assert_array_equal(
        results.get_true_values("GroupMean", 1), lists["y_test"][1]
    )


def test_repeats_are_rows_of_their_own(table):
    results = chain(table, n_repeats=2).add_model(Ridge).perform().results
    labels = list(dict.fromkeys(results.summary.index.get_level_values(0)))
    assert labels == ["0.0", "0.1", "0.2", "1.0", "1.1", "1.2", "mean", "median", "std"]
    assert results.summary.loc[("std", "mse"), "Ridge"] > 0


def test_failures_are_rows_and_the_rest_goes_on(table):
    cv = chain(table).add_model(Fails).add_model(Ridge)
    with pytest.warns(
        FailedModelWarning,
        match="Fails failed on some folds, so their averages are empty",
    ):
        results = cv.set_run(on_error="record").perform().results
    assert results.scores.query("model == 'Fails'")["value"].isna().all()
    assert results.scores.query("model == 'Ridge'")["value"].notna().all()
    assert len(results.warnings) == 3
    assert results.warnings["category"].eq("Failure").all()
    assert np.isnan(results.summary.loc[("mean", "r2"), "Fails"])


class FailsOnce(Ridge):
    def fit(self, X, y):
        if len(y) == 39:
            raise ZeroDivisionError("once")
        return super().fit(X, y)


def test_an_average_over_the_folds_a_model_survived_is_not_given(table):
    rows = np.arange(60)
    pairs = [(rows[20:], rows[:20]), (rows[:39], rows[39:])]
    cv = chain(table, split_out=pairs).add_model(FailsOnce).add_model(Ridge)
    with pytest.warns(FailedModelWarning, match="FailsOnce failed"):
        summary = cv.set_run(on_error="record").perform().results.summary
    assert summary["FailsOnce"].loc[0].notna().all()
    assert summary["FailsOnce"].loc[["mean", "median", "std"]].isna().all()
    assert summary["Ridge"].notna().all()


def test_warnings_are_rows(table):
    warnings = chain(table).add_model(Warns).perform().results.warnings
    assert warnings["message"].tolist() == ["did not converge"] * 3
    assert warnings["category"].tolist() == ["RuntimeWarning"] * 3


def test_the_summary_goes_to_excel_and_back(results, tmp_path):
    pytest.importorskip("openpyxl", reason="needs the extra `excel`")
    results.summary.to_excel(tmp_path / "summary.xlsx")
    back = pd.read_excel(tmp_path / "summary.xlsx", index_col=[0, 1])
    np.testing.assert_allclose(back.to_numpy(), results.summary.to_numpy())


def test_a_notebook_shows_averages_and_never_the_data(results):
    html = results._repr_html_()
    assert "GroupMean" in html
    assert "known groups" in html
    assert html.count("<tr>") < 25
    assert "s11" not in html


def test_the_repr_has_a_line_per_model(results):
    assert len(repr(results).splitlines()) == 4 + 3


REFUSED = {
    "model": (lambda r: r["Ride"], KeyError, "no model is called 'Ride'; known are LinearRegression, GroupMean, DecisionTreeRegressor."),
    "near miss": (lambda r: r["GroupMeans"], KeyError, "no model is called 'GroupMeans'; did you mean 'GroupMean'?"),
    "fold": (lambda r: r.get_predictions("GroupMean", 7), KeyError, "'GroupMean' has no fold 7 in repeat 0; `results.scores` lists the folds."),
    "metric": (lambda r: r.get_best_model_by_metric(metric_name="rmse"), ValueError, "metric 'rmse' was not computed; did you mean 'mse'?"),
    "metric first": (lambda r: r.get_best_model_by_metric("r2"), KeyError, "'r2' is a metric, and the model comes first; write get_best_model_by_metric(metric_name='r2'), and keep the model that final(model) gives."),
    "direction": (lambda r: r.get_best_model_by_metric(direction="up"), ValueError, "`direction` must be 'min' or 'max', got 'up'."),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_is_not_there_is_named(results, case):
    call, kind, message = REFUSED[case]
    with pytest.raises(kind) as caught:
        call(results)
    assert caught.value.args[0] == message


def test_a_metric_of_unknown_direction_asks_for_it(table):
    cv = chain(table, metrics={"bias": lambda t, p: float(np.mean(p - t))}).add_model(
        Ridge
    )
    with pytest.raises(
        ValueError,
        match="the direction of 'bias' is unknown",
    ):
        cv.perform().results.get_best_model_by_metric(metric_name="bias")
