"""The bootstrap over groups: its parts, its laws, its coverage."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import r2_score

from flexcv.results.deleted import MAX_BLOCKS
from flexcv.results.group_bootstrap import (
    GroupScores,
    bootstrap_interval,
    group_scores,
)

from .comparison_runs import make_run, mse


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


@pytest.mark.slow
class TestCoverage:
    """A short version of benchmarks/comparison_coverage.py, which has the figures."""

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


def test_an_interval_is_not_resampled_from_rounding():
    swaps = np.random.default_rng(0).normal(size=(18, 4))
    sizes = np.full(18, 10.0)
    exact = GroupScores(0.0, np.zeros(18), sizes, (swaps,), 4)
    noise = 1e-13 * np.random.default_rng(1).normal(size=18)
    rounded = GroupScores(0.0, noise, sizes, (swaps,), 4)
    expected = bootstrap_interval(exact, 0.95, 200, 0, symmetric=True)
    found = bootstrap_interval(rounded, 0.95, 200, 0, symmetric=True)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    assert expected[1] > 1.0
