"""Comparisons say what can be known, and no more."""

import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import mean_squared_error, r2_score

from flexcv.results.comparison import pairwise_comparison, score_intervals
from flexcv.results.fold_tests import corrected_t_test, practical_probabilities
from flexcv.results.group_bootstrap import (
    MAX_BLOCKS,
    GroupScores,
    bootstrap_interval,
    group_scores,
)


def mse(y_true, y_pred):
    return float(np.mean((y_true - y_pred) ** 2))


def make_run(n_groups=12, n_repeats=1, n_folds=4, size=5, models=("A", "B"), seed=0):
    """Predictions of shrunken means, and their scores, as a run keeps them."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), size)
    y = rng.standard_normal(n_groups)[group] + rng.standard_normal(len(group))
    feature = y + rng.standard_normal(len(group))
    frames = []
    for repeat in range(n_repeats):
        fold = (rng.permutation(n_groups) % n_folds)[group]
        for number in range(n_folds):
            train = fold != number
            slope = np.polyfit(feature[train], y[train], 1)
            for place, model in enumerate(models):
                frames.append(
                    pd.DataFrame(
                        {
                            "model": model,
                            "repeat": repeat,
                            "fold": number,
                            "row": np.arange(len(y)),
                            "group": group,
                            "y_true": y,
                            "y_pred": np.polyval(slope, feature) * (1 - 0.5 * place),
                            "part": np.where(train, "train", "test"),
                        }
                    )
                )
    predictions = pd.concat(frames, ignore_index=True)
    return make_scores(predictions), predictions


def make_scores(predictions):
    rows = [
        (*key, "test", "mse", mse(part["y_true"], part["y_pred"]))
        for key, part in predictions.query("part == 'test'").groupby(
            ["model", "repeat", "fold"], sort=False
        )
    ]
    return pd.DataFrame(
        rows, columns=["model", "repeat", "fold", "part", "metric", "value"]
    )


def compare(scores, predictions, metric="mse", **settings):
    settings = {"greater_is_better": False, "function": mse, **settings}
    return pairwise_comparison(scores, predictions, metric, **settings)


differences = st.lists(
    st.floats(-10, 10).map(lambda x: round(x, 3)), min_size=3, max_size=20
).filter(lambda values: np.std(values) > 0.01)


class TestCorrectedT:
    @given(differences)
    def test_without_overlap_it_is_the_paired_t_test(self, values):
        expected = stats.ttest_1samp(values, 0.0)
        found = corrected_t_test(values, 0.0)
        assert found.t == pytest.approx(expected.statistic)
        assert found.p_value == pytest.approx(expected.pvalue)

    def test_it_follows_the_formula_of_nadeau_and_bengio(self):
        values = np.array([0.02, 0.05, -0.01, 0.04, 0.03, 0.01, 0.06, 0.02, 0.0, 0.03])
        found = corrected_t_test(values.tolist(), 1 / 4)
        variance = np.sum((values - 0.025) ** 2) / 9
        assert found.t == pytest.approx(0.025 / np.sqrt((1 / 10 + 1 / 4) * variance))
        assert found.df == 9

    @given(differences, st.floats(0, 1))
    def test_overlap_never_lowers_p(self, values, ratio):
        naive, corrected = (
            corrected_t_test(values, 0.0),
            corrected_t_test(values, ratio),
        )
        assert corrected.p_value >= naive.p_value - 1e-12

    def test_one_fold_has_a_mean_and_no_test(self):
        found = corrected_t_test([0.3], 0.25)
        assert found.mean == 0.3
        assert np.isnan([found.t, found.p_value, found.scale]).all()

    def test_equal_scores_are_not_significant(self):
        assert corrected_t_test([0.0, 0.0, 0.0], 0.25).p_value == 1.0

    def test_a_constant_difference_is_significant(self):
        found = corrected_t_test([0.5, 0.5, 0.5], 0.25)
        assert (found.t, found.p_value) == (np.inf, 0.0)


class TestProbabilities:
    @given(differences, st.floats(0, 2))
    def test_they_sum_to_one(self, values, rope):
        found = practical_probabilities(corrected_t_test(values, 0.2), rope)
        assert sum(found) == pytest.approx(1.0)
        assert min(found) > -1e-12

    @given(differences)
    def test_without_a_rope_they_are_the_one_sided_p(self, values):
        test = corrected_t_test(values, 0.2)
        above, equal, below = practical_probabilities(test, 0.0)
        assert equal == pytest.approx(0.0, abs=1e-12)
        assert min(above, below) == pytest.approx(test.p_value / 2)

    @given(differences)
    def test_a_wider_rope_makes_equality_likelier(self, values):
        test = corrected_t_test(values, 0.2)
        equal = [practical_probabilities(test, rope)[1] for rope in (0.0, 0.1, 1.0)]
        assert all(small <= large + 1e-12 for small, large in pairwise(equal))

    def test_a_constant_difference_is_certain(self):
        test = corrected_t_test([0.5, 0.5, 0.5], 0.25)
        assert practical_probabilities(test, 0.1) == (1.0, 0.0, 0.0)
        assert practical_probabilities(test, 0.6) == (0.0, 1.0, 0.0)


class TestGroupScores:
    def test_an_average_over_rows_gives_each_group_its_own_average(self):
        _, predictions = make_run(models=("A",))
        scores = group_scores(predictions, mse, 0)
        test = predictions.query("part == 'test'")
        squares = (test["y_true"] - test["y_pred"]) ** 2
        expected = squares.groupby(test["group"]).mean()
        np.testing.assert_allclose(scores.by_group, expected, rtol=1e-9)
        assert scores.estimate == pytest.approx(squares.mean(), rel=1e-12)

    def test_repeats_are_averaged(self):
        _, predictions = make_run(models=("A",), n_repeats=3)
        scores = group_scores(predictions, r2_score, 0)
        test = predictions.query("part == 'test'")
        by_repeat = [
            r2_score(rows["y_true"], rows["y_pred"])
            for _, rows in test.groupby("repeat")
        ]
        assert scores.estimate == pytest.approx(np.mean(by_repeat), rel=1e-12)
        assert len(scores.swaps) == 3

    def test_order_of_rows_is_irrelevant(self):
        _, predictions = make_run(models=("A",))
        shuffled = predictions.sample(frac=1, random_state=1)
        one, other = (group_scores(p, r2_score, 0) for p in (predictions, shuffled))
        np.testing.assert_allclose(one.by_group, other.by_group, rtol=1e-9)
        np.testing.assert_allclose(one.swaps[0], other.swaps[0], atol=1e-12)

    def test_models_that_agree_add_no_variance(self):
        _, predictions = make_run(models=("A",))
        same = predictions.assign(y_pred=0.3)
        assert np.ptp(group_scores(same, mse, 0).swaps[0]) == 0.0

    def test_without_training_predictions_the_models_share_is_left_out(self):
        _, predictions = make_run(models=("A",))
        scores = group_scores(predictions.query("part == 'test'"), mse, 0)
        assert scores.n_models == 0
        assert scores.swaps[0].shape == (12, 0)

    def test_every_other_model_of_a_fold_is_swapped_in(self):
        _, predictions = make_run(models=("A",), n_folds=4)
        scores = group_scores(predictions, mse, 0)
        assert scores.n_models == 3
        assert scores.swaps[0].shape == (12, 3)

    def test_many_folds_are_represented_by_some_of_their_models(self):
        _, predictions = make_run(models=("A",), n_groups=30, n_folds=30)
        scores = group_scores(predictions, mse, 0)
        assert scores.n_models == 29
        assert scores.swaps[0].shape == (30, 4)

    def test_very_many_groups_are_merged_into_blocks(self):
        _, predictions = make_run(models=("A",), n_groups=500, size=2)
        scores = group_scores(predictions, mse, 0)
        assert len(scores.by_group) == MAX_BLOCKS
        assert scores.sizes.sum() == 1000


class TestBootstrap:
    def scores(self, by_group, sizes=None):
        values = np.asarray(by_group, dtype=float)
        weights = np.ones(len(values)) if sizes is None else np.asarray(sizes, float)
        mean = float(weights @ values / weights.sum())
        return GroupScores(mean, values, weights, (np.zeros((len(values), 0)),), 0)

    def test_symmetric_intervals_are_centred(self):
        scores = self.scores(np.random.default_rng(0).exponential(size=20))
        lower, upper = bootstrap_interval(scores, 0.95, 2000, 0, True)
        assert (lower + upper) / 2 == pytest.approx(scores.estimate)

    def test_skewed_scores_reach_further_on_their_long_side(self):
        scores = self.scores(np.random.default_rng(0).exponential(size=20))
        lower, upper = bootstrap_interval(scores, 0.95, 2000, 0, False)
        assert upper - scores.estimate > scores.estimate - lower

    def test_many_groups_come_close_to_the_normal_interval(self):
        values = np.random.default_rng(1).standard_normal(2000)
        lower, upper = bootstrap_interval(self.scores(values), 0.95, 4000, 0, False)
        error = values.std(ddof=1) / np.sqrt(2000)
        # Quantiles of 4 000 resamples are known to about 4 %.
        assert (upper - lower) / (2 * 1.959964 * error) == pytest.approx(1, abs=0.06)

    @settings(deadline=None, max_examples=20)
    @given(st.floats(0.1, 100), st.floats(-10, 10))
    def test_intervals_follow_shift_and_scale(self, scale, shift):
        values = np.random.default_rng(2).exponential(size=15)
        sizes = np.arange(1, 16)
        plain = bootstrap_interval(self.scores(values, sizes), 0.9, 500, 3, False)
        moved = self.scores(scale * values + shift, sizes)
        found = bootstrap_interval(moved, 0.9, 500, 3, False)
        np.testing.assert_allclose(found, scale * np.array(plain) + shift, rtol=1e-6)

    def test_higher_levels_are_wider(self):
        scores = self.scores(np.random.default_rng(3).standard_normal(15))
        widths = [
            np.ptp(bootstrap_interval(scores, level, 2000, 0, False))
            for level in (0.5, 0.8, 0.95)
        ]
        assert widths == sorted(widths)

    def test_equal_scores_of_all_groups_have_no_width(self):
        found = bootstrap_interval(self.scores([2.0] * 9), 0.95, 500, 0, True)
        assert found == pytest.approx((2.0, 2.0), rel=1e-15)


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
            r"A is better than B by \d+\.\d \(95 % interval -[\d.]+ to -[\d.]+, "
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
        assert list(table) == ["mean", "lower", "upper", "method"]
        assert (table["lower"] < table["mean"]).all()
        assert (table["mean"] < table["upper"]).all()

    def test_the_mean_is_the_pooled_score(self):
        scores, predictions = make_run()
        table = score_intervals(scores, predictions, "r2", function=r2_score)
        test = predictions.query("part == 'test' and model == 'A'")
        expected = r2_score(test["y_true"], test["y_pred"])
        assert table.loc["A", "mean"] == pytest.approx(expected, rel=1e-12)

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
            "bootstrap over 18 groups; 1 failed",
        ]

    def test_a_model_that_failed_everywhere_has_nan(self):
        scores, predictions = make_run()
        scores = scores.assign(value=scores["value"].mask(scores["model"].eq("B")))
        table = score_intervals(
            scores, predictions.query("model == 'A'"), "mse", function=mse
        )
        assert table.loc["B", ["mean", "lower", "upper"]].isna().all()


@pytest.mark.slow
class TestSimulation:
    """Short versions of benchmarks/comparison_coverage.py, which has the figures."""

    def draw_means(self, seed, n_groups=15, size=8, n_folds=5):
        """Cross-validate the training mean; half of the variance is between groups."""
        rng = np.random.default_rng(seed)
        group = np.repeat(np.arange(n_groups), size)
        y = rng.standard_normal(n_groups)[group] + rng.standard_normal(len(group))
        fold = (rng.permutation(n_groups) % n_folds)[group]
        means = np.array([y[fold != k].mean() for k in range(n_folds)])
        number = np.repeat(np.arange(n_folds), len(y))
        frame = pd.DataFrame(
            {
                "repeat": 0,
                "fold": number,
                "row": np.tile(np.arange(len(y)), n_folds),
                "group": np.tile(group, n_folds),
                "y_true": np.tile(y, n_folds),
                "y_pred": means[number],
                "part": np.where(np.tile(fold, n_folds) == number, "test", "train"),
            }
        )
        return frame, 2.0 + np.mean(means**2)

    def test_intervals_over_groups_hold_and_those_over_rows_do_not(self):
        held = {"groups": 0, "rows": 0}
        for seed in range(200):
            frame, truth = self.draw_means(seed)
            for unit in held:
                rows = frame if unit == "groups" else frame.assign(group=frame["row"])
                low, high = bootstrap_interval(
                    group_scores(rows, mse, 0), 0.95, 500, seed, False
                )
                held[unit] += low <= truth <= high
        # 0.945 in the long study; three standard errors of 200 draws are 0.048.
        assert held["groups"] / 200 >= 0.89
        assert held["rows"] / 200 <= 0.80

    def test_the_corrected_test_keeps_its_level_where_the_naive_one_does_not(self):
        rejected = np.zeros(2)
        for seed in range(200):
            values = self.repeated_differences(seed)
            rejected[0] += stats.ttest_1samp(values, 0.0).pvalue < 0.05
            rejected[1] += corrected_t_test(values, 0.25).p_value < 0.05
        # 56 to 62 % and 3 to 4 % in the long study.
        assert rejected[0] / 200 > 0.3
        assert rejected[1] / 200 < 0.09

    def repeated_differences(self, seed, n_rows=60):
        """Compare two equally good features by ten times five folds."""
        rng = np.random.default_rng(seed)
        X = rng.standard_normal((n_rows, 2))
        y = X.sum(axis=1) + rng.standard_normal(n_rows)
        found = []
        for _ in range(10):
            fold = rng.permutation(n_rows) % 5
            for number in range(5):
                train, test = fold != number, fold == number
                slopes = (X[train].T @ y[train]) / np.sum(X[train] ** 2, axis=0)
                errors = np.mean((y[test, None] - X[test] * slopes) ** 2, axis=0)
                found.append(float(errors[0] - errors[1]))
        return found
