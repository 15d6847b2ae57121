"""Penalised least squares on whitened rows."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import ElasticNet, Lasso, Ridge

from flexcv.models.design.columns import RandomDesign
from flexcv.models.penalties.coordinate_descent import (
    PenalisedRows,
    WhitenedRows,
    coefficient_path,
    largest_alpha,
    optimality_gap,
    solve,
    whitened_rows,
)
from flexcv.models.penalties.whitening import learn_whitening


def rows_of(n: int = 60, p: int = 90, n_free: int = 1, seed: int = 0) -> PenalisedRows:
    rng = np.random.default_rng(seed)
    columns = rng.normal(size=(n, p)) * np.geomspace(0.1, 10.0, p)
    free = np.column_stack([np.ones(n), rng.normal(size=(n, n_free - 1))])
    target = columns[:, :5].sum(axis=1) + free.sum(axis=1) + rng.normal(size=n)
    return PenalisedRows(columns, free, target, RandomDesign((), n))


def whitened(rows: PenalisedRows, *, standardise: bool = True) -> WhitenedRows:
    whiten = learn_whitening(rows.design, [])
    return whitened_rows(rows, whiten, standardise=standardise)


@pytest.mark.parametrize("l1_ratio", [1.0, 0.4, 0.01])
@pytest.mark.parametrize("share", [0.7, 0.1, 0.01])
def test_the_optimality_conditions_hold_to_rounding(
    l1_ratio: float, share: float
) -> None:
    rows = whitened(rows_of())
    alpha = share * largest_alpha(rows, l1_ratio)
    beta = solve(rows, alpha, l1_ratio)
    gap = optimality_gap(rows, beta * rows.scale, alpha, l1_ratio)
    assert gap <= 1e-9 * alpha


def test_a_path_is_what_is_solved_at_each_alpha() -> None:
    rows = whitened(rows_of(120, 30, n_free=3))
    alphas = largest_alpha(rows, 0.7) * np.geomspace(1.0, 1e-2, 6)
    path = coefficient_path(rows, alphas, 0.7)
    for column, alpha in zip(path.T, alphas, strict=True):
        np.testing.assert_allclose(
            column * rows.scale, solve(rows, alpha, 0.7) * rows.scale, atol=0.02
        )


@pytest.mark.parametrize("l1_ratio", [1.0, 0.3])
def test_the_largest_alpha_is_the_first_that_selects_nothing(l1_ratio: float) -> None:
    rows = whitened(rows_of())
    peak = largest_alpha(rows, l1_ratio)
    assert not solve(rows, 1.000001 * peak, l1_ratio).any()
    assert np.count_nonzero(solve(rows, 0.999 * peak, l1_ratio)) == 1


def test_a_ridge_solves_its_normal_equations() -> None:
    given, alpha = rows_of(40, 70), 0.3
    rows = whitened(given, standardise=False)
    oracle = Ridge(alpha=40 * alpha).fit(given.penalised, given.target)
    np.testing.assert_allclose(solve(rows, alpha, 0.0), oracle.coef_, atol=1e-10)


def test_several_unpenalised_columns_are_as_if_alternated() -> None:
    given, alpha = rows_of(80, 10, n_free=4), 0.5
    rows = whitened(given, standardise=False)
    beta = solve(rows, alpha, 1.0)
    gamma = rows.free(beta)
    left = given.target - given.free @ gamma
    again = Lasso(alpha=alpha, fit_intercept=False, tol=1e-14, max_iter=100_000)
    np.testing.assert_allclose(again.fit(given.penalised, left).coef_, beta, atol=1e-9)
    least = np.linalg.lstsq(given.free, given.target - given.penalised @ beta)[0]
    np.testing.assert_allclose(gamma, least, atol=1e-10)


def test_standardised_coefficients_do_not_depend_on_units() -> None:
    given = rows_of(100, 12)
    units = np.geomspace(1e-6, 1e6, 12)
    other = PenalisedRows(
        given.penalised * units, given.free, given.target, given.design
    )
    one = solve(whitened(given), 0.3, 0.8)
    np.testing.assert_allclose(solve(whitened(other), 0.3, 0.8) * units, one)


def test_columns_that_unpenalised_ones_explain_have_coefficient_zero() -> None:
    given = rows_of(50, 6, n_free=2)
    columns = given.penalised.copy()
    columns[:, 2] = 3.0 * given.free[:, 1] - 2.0
    rows = whitened(PenalisedRows(columns, given.free, given.target, given.design))
    for l1_ratio in (1.0, 0.5, 0.0):
        assert solve(rows, 1e-3, l1_ratio)[2] == 0.0


def test_equal_columns_are_solved_although_their_lasso_is_not_unique() -> None:
    given = rows_of(50, 4)
    twice = np.hstack([given.penalised, given.penalised])
    rows = whitened(PenalisedRows(twice, given.free, given.target, given.design))
    beta = solve(rows, 0.05, 1.0)
    assert optimality_gap(rows, beta * rows.scale, 0.05, 1.0) < 1e-6


def test_it_is_the_elastic_net_of_scikit_learn() -> None:
    given, alpha = rows_of(), 0.2
    oracle = ElasticNet(alpha=alpha, l1_ratio=0.6, tol=1e-13, max_iter=1_000_000)
    oracle.fit(given.penalised, given.target)
    beta = solve(whitened(given, standardise=False), alpha, 0.6)
    np.testing.assert_allclose(beta, oracle.coef_, atol=1e-8)
