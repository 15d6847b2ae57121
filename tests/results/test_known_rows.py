"""The learning curve of new groups: its numbers, its places and what is refused."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from flexcv import CrossValidation, CrossValidationResults
from flexcv.datasets import load_sleepstudy
from flexcv.errors import FailedModelWarning
from flexcv.models import LinearMixedEffectsModel
from flexcv.results.known_rows import counts_of

PUBLISHED = [3591, 3330, 3095, 2926, 2529, 2020]  # issue 18, k = 0 to 5


def chain_of(known_rows=(0, 2, 5), split="GroupKFold", n_splits=6):
    sleep = load_sleepstudy()
    cv = CrossValidation().set_data(
        sleep[["Days", "Subject"]], sleep["Reaction"], groups="Subject", slopes="Days"
    )
    order = {"time": "Days", "time_within": "groups"} if known_rows else {}
    if isinstance(split, list):
        order = {}
    cv.set_splits(
        split, n_splits_out=n_splits, known_rows=known_rows, metrics=["mse"], **order
    )
    cv.add_model(LinearMixedEffectsModel, model_name="LMM")
    return cv.add_model(LinearRegression).set_run(silence="groups-unused")


@pytest.fixture(scope="module")
def results():
    return chain_of().perform().get_results()


def test_the_published_curve_comes_out_of_a_chain():
    curve = chain_of(range(6), n_splits=18).perform().get_results().by_known_rows()

    shown = curve[curve["model"].eq("LMM")]
    assert shown["score"].round().tolist() == PUBLISHED
    assert shown["known_rows"].tolist() == list(range(6))
    assert (shown["n_groups"].eq(18) & shown["n_rows"].eq(90)).all()
    assert (shown["lower"] < shown["score"]).all()
    assert (shown["score"] < shown["upper"]).all()


def test_a_plain_model_is_flat(results):
    curve = results.by_known_rows()
    flat = curve[curve["model"].eq("LinearRegression")]
    assert flat["score"].nunique() == flat["lower"].nunique() == 1


def test_scores_are_of_the_rows_that_are_kept(results):
    rows = results.known_rows_predictions
    errors = (rows["y_true"] - rows["y_pred"]) ** 2
    pooled = errors.groupby([rows["model"], rows["known_rows"]], observed=True).mean()
    curve = results.by_known_rows().set_index(["model", "known_rows"])["score"]
    assert np.allclose(pooled[curve.index], curve)
    assert rows.groupby("known_rows")["row"].nunique().tolist() == [90, 90, 90]


def test_another_metric_is_scored_without_a_refit(results):
    curve = results.by_known_rows("mae")
    assert curve["score"].max() < 60


def test_what_is_written_comes_back(results, tmp_path):
    results.save(tmp_path / "run")
    loaded = CrossValidationResults.load(tmp_path / "run")
    pd.testing.assert_frame_equal(loaded.by_known_rows(), results.by_known_rows())


def test_a_resumed_run_serves_its_known_rows(tmp_path):
    first = chain_of().set_run(tmp_path / "run").perform().get_results()
    again = chain_of().set_run(tmp_path / "run").perform(resume=True).get_results()
    pd.testing.assert_frame_equal(
        first.known_rows_predictions, again.known_rows_predictions
    )


def test_the_picture_has_a_line_for_each_model(results):
    axes = results.plot.known_rows()
    assert axes.get_ylabel() == "mse"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "LMM",
        "LinearRegression",
    ]


def test_the_report_shows_the_curve(results):
    assert "New groups of whom rows are known" in str.__str__(results.report())


def test_of_several_plans_those_by_groups_take_part():
    cv = chain_of((0, 1), ["KFold", "GroupKFold"])
    cv.set_run(silence=["groups-unused", "groups-ignored"])
    results = cv.perform().get_results()
    curve = results.by_known_rows()
    assert curve["plan"].unique().tolist() == ["new groups"]
    assert next(iter(results.known_rows_predictions)) == "plan"
    assert [axes.get_title() for axes in results.plot.known_rows()] == ["new groups"]


def test_a_failed_model_leaves_the_others_their_curve():
    class Failing(LinearRegression):
        def fit(self, X, y):
            raise RuntimeError("no")

    cv = chain_of().add_model(Failing).set_run(on_error="record")
    with pytest.warns(FailedModelWarning, match="Failing"):
        results = cv.perform().get_results()
    assert results.by_known_rows()["model"].unique().tolist() == [
        "LMM",
        "LinearRegression",
    ]


def test_a_run_that_asked_for_none_says_how_to():
    results = chain_of(()).perform().get_results()
    assert results.known_rows_predictions.empty
    assert "known_rows" in results.known_rows_predictions

    with pytest.raises(ValueError) as caught:
        results.by_known_rows()

    assert str(caught.value) == (
        "scores by known rows need a run that asked for them; pass for example "
        "known_rows=(0, 1, 2, 5) to set_splits, with a split by groups."
    )


def test_counts_are_those_of_the_first_fold_that_has_some(results):
    assert counts_of(results.folds) == (0, 2, 5)
