"""Fixed effects and residual variance profiled out, from products and from rows."""

import numpy as np
import pytest

from flexcv.models.gaussian.criterion import criterion, fixed_of_rows, solve_fixed


def rows_of(p, seed=0):
    return np.random.default_rng(seed).normal(size=(30, p + 1))


@pytest.mark.parametrize("p", [0, 1, 3])
def test_rows_and_their_products_give_least_squares(p):
    rows = rows_of(p)
    x, y = rows[:, :p], rows[:, p]
    beta = np.linalg.lstsq(x, y, rcond=None)[0]
    left = y - x @ beta
    for found in (solve_fixed(rows.T @ rows), fixed_of_rows(rows)):
        np.testing.assert_allclose(found.beta, beta, atol=1e-12)
        assert found.r2 == pytest.approx(left @ left)
        np.testing.assert_allclose(found.root.T @ found.root, np.linalg.inv(x.T @ x))
        assert found.log_det == pytest.approx(np.linalg.slogdet(x.T @ x)[1])


def test_rows_keep_the_residual_that_products_lose():
    rows = rows_of(2)
    small = fixed_of_rows(rows).r2
    rows[:, 2] += 1e7 * rows[:, 0]
    assert fixed_of_rows(rows).r2 == pytest.approx(small, rel=1e-6)
    assert abs(solve_fixed(rows.T @ rows).r2 / small - 1.0) > 1e-4


def test_dependent_columns_are_an_error_of_linear_algebra():
    rows = rows_of(2)
    rows[:, 1] = 0.0
    for call in (lambda: solve_fixed(rows.T @ rows), lambda: fixed_of_rows(rows)):
        with pytest.raises(np.linalg.LinAlgError, match="dependent given V"):
            call()


@pytest.mark.parametrize("reml", [True, False])
def test_it_is_twice_the_negative_log_density_of_plain_least_squares(reml):
    rows = rows_of(2)
    fixed = solve_fixed(rows.T @ rows)
    free = 28 if reml else 30
    value, level = criterion(0.0, fixed, free, 0.0, reml=reml)
    sigma2 = fixed.r2 / free
    wanted = free * np.log(2.0 * np.pi * sigma2) + fixed.r2 / sigma2
    assert value == pytest.approx(wanted + (fixed.log_det if reml else 0.0))
    assert level == (free / fixed.r2, 1.0 / free)


def test_a_kept_precision_is_best_where_it_is_the_profiled_one():
    rows = rows_of(2)
    fixed = solve_fixed(rows.T @ rows)
    best, level = criterion(1.5, fixed, 30, 0.25, reml=False)
    values = [
        criterion(1.5, fixed, 30, 0.25, reml=False, precision=k * level.precision)
        for k in (0.9, 1.0, 1.1)
    ]
    assert values[1][0] == pytest.approx(best)
    assert min(values[0][0], values[2][0]) > best
    assert values[0][1] == (0.9 * level.precision, 0.0)
    assert criterion(2.5, fixed, 30, 0.0, reml=False)[0] == pytest.approx(best + 1.25)
