"""Awkward tables: every start ends at the same likelihood, or says that it did not."""

import pytest

from .generalized_stress import stress_result


@pytest.mark.slow
def test_starts_agree_on_awkward_tables():
    results = [stress_result(seed) for seed in range(24)]
    assert max(r.excess for r in results) < 1e-6
    assert sum(r.converged for r in results) == len(results)
    assert any(r.singular for r in results)


@pytest.mark.parametrize("seed", [34, 38, 94, 164, 323])
def test_tables_that_went_wrong_once_do_so_no_more(seed):
    result = stress_result(seed)
    assert result.excess < 1e-6 or not result.converged
