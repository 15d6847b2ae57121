"""Tests over folds follow their formulas."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from flexcv.results.fold_tests import corrected_t_test, practical_probabilities

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


@pytest.mark.slow
class TestLevel:
    """A short version of benchmarks/comparison_coverage.py, which has the figures."""

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
