"""The search on badly scaled tables, half of them singular."""

import numpy as np
import pytest

from tests.models.stress import fit_table, stress_result, stress_table


@pytest.mark.slow
def test_every_badly_scaled_fit_reaches_the_best_known_criterion() -> None:
    results = [stress_result(seed) for seed in range(60)]
    assert max(result.excess for result in results) < 1e-6
    assert all(result.converged for result in results)
    assert 0.3 < np.mean([result.singular for result in results]) < 0.8


def test_a_zero_variance_is_exactly_zero() -> None:
    zeros = 0
    for seed in range(2, 30, 4):
        table, y, names = stress_table(seed)
        fitted = fit_table(table, y, names)
        if fitted.singular:
            smallest = np.linalg.svd(fitted.problem.factors(fitted.minimum.theta)[0])
            zeros += smallest[1][-1] < 1e-12
    assert zeros >= 3
