import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import root_mean_squared_error

from flexcv import CrossValidation
from flexcv.metrics import Metric
from flexcv.results.comparison import pairwise_comparison, score_intervals
from tests.evaluation.test_unit import Fails

from .conftest import SILENT, bias

pytestmark = pytest.mark.filterwarnings("ignore::flexcv.errors.FailedModelWarning")

FEW = {"n_bootstrap": 200}


def test_comparing_is_the_comparison_of_scores_and_predictions(rich):
    expected = pairwise_comparison(
        rich.scores,
        rich.predictions,
        "mse",
        function=rich.metrics[1].function,
        greater_is_better=False,
        **FEW,
    )
    pd.testing.assert_frame_equal(rich.compare("mse", **FEW), expected)
    assert len(expected) == 6


def test_intervals_are_those_of_scores_and_predictions(rich):
    function = rich.metrics[1].function
    expected = score_intervals(
        rich.scores,
        rich.predictions,
        "mse",
        function=function,
        limits=(0.0, np.inf),
        **FEW,
    )
    pd.testing.assert_frame_equal(rich.interval("mse", **FEW), expected)
    assert list(expected) == ["mean", "pooled", "lower", "upper", "method"]
    assert expected["method"].tolist() == ["bootstrap over 12 groups"] * 4


@pytest.mark.parametrize(
    "metric", ["rmse", Metric("rmse", root_mean_squared_error, False)]
)
def test_a_metric_the_run_did_not_score_is_computed_from_the_predictions(rich, metric):
    folds = rich.scores_of(metric).set_index(["model", "fold"])["value"]
    rows = rich.predictions.query("model == 'LMM' and fold == 1 and part == 'test'")
    assert folds["LMM", 1] == root_mean_squared_error(rows["y_true"], rows["y_pred"])
    assert (rich.compare(metric, **FEW)["n_folds"] == 3).all()


def test_a_direction_is_asked_for_where_it_is_unknown(rich):
    with pytest.raises(ValueError) as caught:
        rich.compare("bias")
    assert str(caught.value) == (
        "the direction of 'bias' is unknown; pass direction='min' or 'max'."
    )
    assert len(rich.compare("bias", direction="min", **FEW)) == 6
    assert len(rich.interval("bias", **FEW)) == 4


REFUSED = {
    "near miss": ("mze", "metric 'mze' was not computed and is not known; did you mean 'mse'?"),
    "unknown": ("joy", "metric 'joy' was not computed and is not known; known are r2, mse, bias, mae, rmse, medae, max_error, mape, explained_variance, poisson_deviance, log_loss, brier, roc_auc, roc_auc_ovr, balanced_accuracy, accuracy and scikit-learn's."),
    "another of that name": (Metric("mse", bias, False), "the run scored another metric called 'mse'; pass a Metric with another name."),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_a_metric_that_cannot_be_meant_is_refused(rich, case):
    metric, message = REFUSED[case]
    with pytest.raises(ValueError) as caught:
        rich.compare(metric)
    assert str(caught.value) == message


def test_one_fold_has_intervals_over_groups_and_no_test(grouped):
    cv = CrossValidation().set_data(*grouped).set_splits(break_cross_val=True)
    cv.add_model(Ridge).add_model(
        Ridge, model_name="strong", model_kwargs={"alpha": 9.0}
    )
    pairs = cv.set_run(silence=SILENT).perform().results.compare("mse", **FEW)
    assert pairs["n_folds"].tolist() == [1]
    assert np.isnan(pairs["p_value"][0])
    assert np.isfinite(pairs["lower"][0])
    assert pairs["sentence"][0].endswith(
        "They share one fold with a score, too few for a test."
    )


def test_failed_models_are_compared_as_unknown(grouped):
    cv = CrossValidation().set_data(*grouped).add_model(Ridge).add_model(Fails)
    results = cv.set_run(on_error="record", silence=SILENT).perform().results
    pairs = results.compare("mse", **FEW)
    assert pairs["sentence"].tolist() == [
        "There is no interval for the difference of Ridge and Fails. They share no fold "
        "with a score, too few for a test."
    ]
    assert np.isnan(results.interval("mse", **FEW).loc["Fails", "mean"])


def test_scores_split_by_known_group_are_those_of_the_summary_where_all_are_known(rich):
    table = rich.by_known_group()
    assert list(table.index.get_level_values("Groups").unique()) == ["known groups"]
    expected = rich.summary.loc["mean"].loc[["r2", "mse", "bias"]]
    pd.testing.assert_frame_equal(
        table.loc["known groups"].loc[["r2", "mse", "bias"]], expected
    )
    assert (table.loc[("known groups", "n_rows")] == 96).all()


def test_both_kinds_of_groups_stand_side_by_side(grouped):
    rows = np.arange(96)
    first, second = rows[:12], rows[12:24]  # group 1 lies half in each
    pairs = [(np.setdiff1d(rows, first), first), (np.setdiff1d(rows, second), second)]
    cv = CrossValidation().set_data(*grouped).set_splits(pairs).add_model(Ridge)
    results = cv.set_run(silence=SILENT).perform().results
    table = results.by_known_group()
    test = results.predictions.query("part == 'test' and not known_group")
    error = (test["y_pred"] - test["y_true"]).pow(2).groupby(test["fold"]).mean()
    assert table.loc[("new groups", "mse"), "Ridge"] == pytest.approx(error.mean())
    pooled = results.by_known_group(pooled=True)
    rows_error = (test["y_pred"] - test["y_true"]).pow(2).mean()
    assert pooled.loc[("new groups", "mse"), "Ridge"] == pytest.approx(rows_error)
    assert table["Ridge"].xs("n_rows", level="Metric").tolist() == [8.0, 16.0]


@pytest.mark.filterwarnings("ignore::flexcv.errors.CheckWarning")
def test_without_groups_there_is_nothing_to_split(grouped):
    cv = CrossValidation().set_data(*grouped[:2]).add_model(Ridge)
    with pytest.raises(ValueError) as caught:
        cv.perform().results.by_known_group()
    assert str(caught.value) == (
        "scores by known group need groups, and this run has none; pass `groups` to "
        "set_data."
    )


def test_findings_have_all_folds_and_their_spread(rich):
    found = rich.findings["Tree"]["importance"]
    assert len(found) == 3
    by_hand = found.frame.groupby("feature")["importance"].agg(["mean", "std"])
    combined = found.combined.set_index("feature")
    np.testing.assert_allclose(
        combined["importance_mean"], by_hand["mean"][combined.index]
    )
    np.testing.assert_allclose(
        combined["importance_std"], by_hand["std"][combined.index]
    )
    assert repr(found) == "<FoldFindings 'importance' of Tree: 3 folds>"
    with pytest.raises(ValueError) as caught:
        rich.findings["LMM"]["icc"].plot()
    assert str(caught.value) == "the finding 'icc' has no drawing; look at `frame`."


class FailsOnce(Ridge):
    """Fail where the first row of the table is in the training part's end."""

    def fit(self, X, y):
        if len(X) > 40 and X.iloc[0, 0] != FIRST:
            raise RuntimeError("not this fold")
        return super().fit(X, y)


FIRST = 7.0


def test_a_model_that_failed_on_a_fold_has_no_average(grouped):
    X, y, group = grouped
    X = X.assign(x=np.where(np.arange(96) == 0, FIRST, X["x"]))
    rows = np.arange(96)
    pairs = [(rows[:60], rows[60:]), (rows[36:], rows[:36])]
    cv = CrossValidation().set_data(X, y, group).set_splits(pairs, scale_out=False)
    cv.add_model(FailsOnce).add_model(Ridge).set_run(on_error="record", silence=SILENT)
    results = cv.perform().results
    table = results.by_known_group()
    scores = table.drop(index="n_rows", level="Metric")
    assert scores["FailsOnce"].isna().all()
    assert scores["Ridge"].notna().all()
    assert "Best by r2: Ridge" in results.report()
