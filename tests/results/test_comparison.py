"""Comparisons say what can be known, and no more."""

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_squared_error, r2_score

from flexcv.results.comparison import pairwise_comparison, score_intervals
from flexcv.results.fold_tests import corrected_t_test

from .comparison_runs import make_run, make_scores, mse


def compare(scores, predictions, metric="mse", **settings):
    settings = {"greater_is_better": False, "function": mse, **settings}
    return pairwise_comparison(scores, predictions, metric, **settings)


class TestPairwise:
    def test_every_pair_is_a_row(self):
        scores, predictions = make_run(models=("A", "B", "C"))
        table = compare(scores, predictions)
        pairs = list(zip(table["model_a"], table["model_b"], strict=True))
        assert pairs == [("A", "B"), ("A", "C"), ("B", "C")]

    def test_difference_is_that_of_the_pooled_scores(self):
        scores, predictions = make_run()
        row = compare(scores, predictions).iloc[0]
        a, b = (
            mse(part["y_true"], part["y_pred"])
            for _, part in predictions.query("part == 'test'").groupby("model")
        )
        assert row["difference"] == pytest.approx(a - b, rel=1e-12)
        assert row["lower"] < row["difference"] < row["upper"]
        assert row["method"] == "bootstrap over 12 groups"

    def test_exchanging_the_models_mirrors_the_row(self):
        scores, predictions = make_run()
        there = compare(scores, predictions).iloc[0]
        back = compare(scores[::-1], predictions[::-1]).iloc[0]
        assert (back["model_a"], back["model_b"]) == ("B", "A")
        for name, mirrored in (
            ("difference", -there["difference"]),
            ("lower", -there["upper"]),
            ("t", -there["t"]),
            ("p_value", there["p_value"]),
            ("p_better", there["p_worse"]),
        ):
            assert back[name] == pytest.approx(mirrored)

    def test_a_model_equals_itself(self):
        _, predictions = make_run(models=("A",))
        both = pd.concat([predictions, predictions.assign(model="B")])
        row = compare(make_scores(both), both).iloc[0]
        assert (row["lower"], row["upper"], row["p_value"]) == (0.0, 0.0, 1.0)
        assert row["p_equal"] == 1.0

    def test_direction_decides_what_better_means(self):
        scores, predictions = make_run()
        small = compare(scores, predictions, greater_is_better=False).iloc[0]
        large = compare(scores, predictions, greater_is_better=True).iloc[0]
        assert small["p_better"] == large["p_worse"]
        assert small["difference"] == large["difference"]

    def test_all_repeats_count_as_folds(self):
        scores, predictions = make_run(n_repeats=3)
        row = compare(scores, predictions).iloc[0]
        a, b = (
            scores.loc[scores["model"].eq(model), "value"].to_numpy() for model in "AB"
        )
        expected = corrected_t_test((a - b).tolist(), 1 / 3)
        assert (row["n_folds"], row["df"]) == (12, 11)
        assert row["t"] == pytest.approx(expected.t)

    def test_the_rope_is_one_percent_of_the_scores_unless_given(self):
        scores, predictions = make_run()
        assert compare(scores, predictions)["rope"][0] == pytest.approx(
            0.01 * scores["value"].mean()
        )
        assert compare(scores, predictions, rope=0.5)["rope"][0] == 0.5

    def test_categories_as_in_results_are_accepted(self):
        scores, predictions = make_run()
        typed = predictions.astype({"model": "category", "part": "category"})
        pd.testing.assert_frame_equal(
            compare(scores, typed), compare(scores, predictions)
        )

    def test_a_clear_difference_is_said_plainly(self):
        _, predictions = make_run(n_groups=40)
        worse = predictions["y_pred"].where(predictions["model"].eq("A"), 5.0)
        predictions = predictions.assign(y_pred=worse)
        sentence = compare(make_scores(predictions), predictions)["sentence"][0]
        assert re.fullmatch(
            r"A is better than B by \d+\.\d \(95 % interval [\d.]+ to [\d.]+, "
            r"bootstrap over 40 groups\)\. By the folds, A is better by more than [\d.]+ "
            r"with probability 1\.00\.",
            sentence,
        )

    def test_an_open_question_is_said_plainly(self):
        _, predictions = make_run()
        noise = np.random.default_rng(5).normal(0, 0.3, len(predictions))
        noisy = predictions.assign(y_pred=noise)
        sentence = compare(make_scores(noisy), noisy)["sentence"][0]
        assert sentence.startswith("A and B cannot be told apart (95 % interval -")
        assert "By the folds it is open, with probabilities: A is better by" in sentence

    def test_one_model_has_no_pair(self):
        scores, predictions = make_run(models=("A",))
        assert compare(scores, predictions).empty

    def test_equal_seeds_give_equal_tables(self):
        run = make_run()
        pd.testing.assert_frame_equal(compare(*run, seed=1), compare(*run, seed=1))
        assert compare(*run, seed=1)["upper"][0] != compare(*run, seed=2)["upper"][0]


class TestOddRuns:
    def test_other_folds_are_refused(self):
        scores, predictions = make_run()
        fewer = scores.drop(index=scores.index[scores["model"].eq("B")][0])
        with pytest.raises(ValueError, match="must be scored on") as caught:
            compare(fewer, predictions)
        assert str(caught.value) == (
            "models must be scored on the same folds, but 'A' has 4 and 'B' has 3, 3 of "
            "them shared; run both in one plan."
        )

    def test_other_rows_in_the_same_folds_are_refused(self):
        scores, predictions = make_run()
        _, others = make_run(seed=1)
        mixed = pd.concat(
            [predictions.query("model == 'A'"), others.query("model == 'B'")]
        )
        with pytest.raises(
            ValueError, match="same test rows, but those of 'A' and 'B'"
        ):
            compare(scores, mixed)

    def test_one_fold_has_an_interval_and_no_test(self):
        scores, predictions = make_run(n_folds=2, n_groups=20)
        scores, predictions = scores.query("fold == 0"), predictions.query("fold == 0")
        row = compare(scores, predictions).iloc[0]
        assert np.isnan(row[["t", "p_value", "p_better"]].astype(float)).all()
        assert row["lower"] < row["difference"] < row["upper"]
        assert row["method"] == "bootstrap over 10 groups"
        assert row["sentence"].endswith(
            "They share one fold with a score, too few for a test."
        )

    def test_one_fold_with_few_groups_has_neither(self):
        scores, predictions = make_run(n_folds=2, n_groups=6)
        scores, predictions = scores.query("fold == 0"), predictions.query("fold == 0")
        row = compare(scores, predictions).iloc[0]
        assert np.isnan([row["lower"], row["upper"]]).all()
        assert row["method"] == "none: fewer than two folds and too few groups"
        assert row["sentence"].startswith(
            "There is no interval for the difference of A and B."
        )

    def test_few_groups_fall_back_to_the_corrected_test(self):
        scores, predictions = make_run(n_groups=7)
        row = compare(scores, predictions).iloc[0]
        assert row["method"] == "corrected t over 4 folds"
        zero_inside = row["lower"] <= 0 <= row["upper"]
        assert zero_inside == (row["p_value"] >= 0.05)

    def test_without_groups_rows_are_drawn(self):
        scores, predictions = make_run()
        row = compare(scores, predictions.assign(group=pd.NA)).iloc[0]
        assert row["method"] == "bootstrap over 60 rows"

    def test_without_predictions_folds_are_all_there_is(self):
        scores, _ = make_run()
        row = compare(scores, None, function=None).iloc[0]
        assert row["method"] == "corrected t over 4 folds"
        assert row["difference"] == row["fold_difference"]

    def test_a_metric_that_was_not_computed_is_computed(self):
        scores, predictions = make_run()
        row = compare(
            scores, predictions, "rmse", function=lambda t, p: mse(t, p) ** 0.5
        )
        first = np.sqrt(scores["value"][scores["model"].eq("A")]).mean()
        second = np.sqrt(scores["value"][scores["model"].eq("B")]).mean()
        assert row["fold_difference"][0] == pytest.approx(first - second)

    def test_a_metric_that_cannot_be_computed_is_refused_with_a_near_miss(self):
        scores, predictions = make_run()
        with pytest.raises(ValueError, match="`metric`") as caught:
            compare(scores, predictions, "msee", function=None)
        assert str(caught.value) == (
            "`metric` must be one of 'mse', got 'msee'; did you mean 'mse'?; pass "
            "`function` and `predictions` to compute another one."
        )

    def test_a_failed_fold_is_left_out_for_the_pair(self):
        scores, predictions = make_run(n_groups=24, models=("A", "B", "C"))
        failed = scores["model"].eq("B") & scores["fold"].eq(1)
        scores = scores.assign(value=scores["value"].mask(failed))
        predictions = predictions.query("not (model == 'B' and fold == 1)")
        table = compare(scores, predictions).set_index(["model_a", "model_b"])
        assert table["n_folds"].tolist() == [3, 4, 3]
        assert table.loc[("A", "B"), "method"] == "bootstrap over 18 groups"
        assert table["p_value"].notna().all()

    def test_a_model_that_failed_everywhere_leaves_its_pairs_open(self):
        scores, predictions = make_run()
        scores = scores.assign(value=scores["value"].mask(scores["model"].eq("B")))
        row = compare(scores, predictions.query("model == 'A'")).iloc[0]
        assert row["n_folds"] == 0
        assert np.isnan(row["difference"])
        assert "They share no fold with a score" in row["sentence"]

    def test_folds_too_small_for_a_score_are_still_pooled(self):
        scores, predictions = make_run(size=1, n_groups=12, n_folds=12)
        scores = scores.assign(value=np.nan, metric="r2")
        row = compare(scores, predictions, "r2", function=r2_score).iloc[0]
        assert row["lower"] < row["difference"] < row["upper"]
        assert row["n_folds"] == 0

    @pytest.mark.parametrize(
        ("settings", "error", "message"),
        [
            ({"level": 95}, ValueError, "`level` must lie between 0 and 1, got 95; "),
            ({"level": 0.0}, ValueError, "`level` must lie between 0 and 1, got 0.0; "),
            ({"n_bootstrap": 10}, ValueError, "`n_bootstrap` must be at least 100, "),
            ({"rope": -1}, ValueError, "`rope` must be at least 0.0, got -1."),
            ({"greater_is_better": 1}, TypeError, "`greater_is_better` must be True"),
            ({"seed": 0.5}, TypeError, "`seed` must be a whole number, got 0.5."),
        ],
    )
    def test_bad_settings_are_refused(self, settings, error, message):
        with pytest.raises(error, match=message):
            compare(*make_run(), **settings)


class TestIntervals:
    def test_columns_and_index_are_as_promised(self):
        table = score_intervals(*make_run(), "mse", function=mse)
        assert table.index.name == "model"
        assert list(table) == ["mean", "pooled", "lower", "upper", "method"]
        assert (table["lower"] < table["mean"]).all()
        assert (table["mean"] < table["upper"]).all()

    def test_the_pooled_score_is_that_of_all_rows_together(self):
        scores, predictions = make_run()
        table = score_intervals(scores, predictions, "r2", function=r2_score)
        test = predictions.query("part == 'test' and model == 'A'")
        expected = r2_score(test["y_true"], test["y_pred"])
        assert table.loc["A", "pooled"] == pytest.approx(expected, rel=1e-12)

    def test_metrics_of_scikit_learn_give_the_same_as_plain_ones(self):
        run = make_run()
        plain = score_intervals(*run, "mse", function=mse)
        other = score_intervals(*run, "mse", function=mean_squared_error)
        pd.testing.assert_frame_equal(plain, other, rtol=1e-9)

    def test_without_predictions_the_corrected_interval_is_given(self):
        scores, _ = make_run()
        table = score_intervals(scores, None, "mse")
        values = scores.query("model == 'A'")["value"]
        # 3.182446: the 97.5 % quantile of t with 3 degrees of freedom; ratio 1 / 3.
        reach = 3.182446 * np.sqrt((1 / 4 + 1 / 3) * values.var(ddof=1))
        assert table.loc["A", "mean"] == pytest.approx(values.mean())
        assert table.loc["A", "upper"] == pytest.approx(values.mean() + reach, rel=1e-6)
        assert table.loc["A", "method"] == "corrected t over 4 folds"

    def test_failures_are_counted_in_the_method(self):
        scores, predictions = make_run(n_groups=24)
        failed = scores["model"].eq("B") & scores["fold"].eq(1)
        scores = scores.assign(value=scores["value"].mask(failed))
        predictions = predictions.query("not (model == 'B' and fold == 1)")
        table = score_intervals(scores, predictions, "mse", function=mse)
        assert table["method"].tolist() == [
            "bootstrap over 24 groups",
            "bootstrap over 18 groups; 1 fold without score",
        ]

    def test_a_model_that_failed_everywhere_has_nan(self):
        scores, predictions = make_run()
        scores = scores.assign(value=scores["value"].mask(scores["model"].eq("B")))
        table = score_intervals(
            scores, predictions.query("model == 'A'"), "mse", function=mse
        )
        assert table.loc["B", ["mean", "lower", "upper"]].isna().all()
        assert table.loc["B", "method"] == "none: no fold has a score"
