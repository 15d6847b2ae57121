"""Drawn sums have the moments of rows that the fitted model would draw."""

import numpy as np
import pytest

from flexcv.datasets import load_sleepstudy
from flexcv.models import LinearMixedEffectsModel

N_DRAWS = 600


@pytest.fixture(scope="module")
def fitted():
    table = load_sleepstudy()
    model = LinearMixedEffectsModel(formula="~ Days + (Days | Subject)")
    return model.fit(table.drop(columns="Reaction"), table["Reaction"]).estimate_


@pytest.fixture(scope="module")
def draws(fitted):
    problem, sigma = fitted.problem, float(np.sqrt(fitted.at.r2 / fitted.at.free))
    draw = problem.sums.draws(problem.factors(fitted.minimum.theta), sigma)
    rng = np.random.default_rng(0)
    return [draw(rng) for _ in range(N_DRAWS)]


def variances(fitted):
    """sigma^2, and D times it, in the internal basis."""
    sigma2 = fitted.at.r2 / fitted.at.free
    [factor] = fitted.problem.factors(fitted.minimum.theta)
    return sigma2, sigma2 * factor @ factor.T


def test_products_with_the_random_columns_vary_as_rows_would(fitted, draws):
    sums, (sigma2, cov) = fitted.problem.sums, variances(fitted)
    q = len(cov)
    moments = sums.cross[:, :q].transpose(2, 0, 1)
    expected = (sigma2 * moments + moments @ cov @ moments).sum(axis=0)
    found = np.mean([d.cross[:, -1] @ d.cross[:, -1].T for d in draws], axis=0)
    scale = np.sqrt(np.outer(expected.diagonal(), expected.diagonal()))
    np.testing.assert_allclose(found / scale, expected / scale, atol=0.05)


def test_products_with_the_fixed_columns_vary_as_rows_would(fitted, draws):
    sums, (sigma2, cov) = fitted.problem.sums, variances(fitted)
    links = sums.cross[:, len(cov) : -1].transpose(2, 0, 1)
    expected = sigma2 * sums.gram[:-1, :-1]
    expected = expected + (links.transpose(0, 2, 1) @ cov @ links).sum(axis=0)
    rows = np.array([d.gram[:-1, -1] for d in draws])
    scale = np.sqrt(np.outer(expected.diagonal(), expected.diagonal()))
    np.testing.assert_allclose(
        rows.T @ rows / N_DRAWS / scale, expected / scale, atol=0.2
    )


def test_squares_are_as_large_as_those_of_rows(fitted, draws):
    sums, (sigma2, cov) = fitted.problem.sums, variances(fitted)
    moments = sums.cross[:, : len(cov)].transpose(2, 0, 1)
    expected = sigma2 * sums.n_rows + float(np.einsum("nab,ba->", moments, cov))
    found = np.mean([d.gram[-1, -1] for d in draws])
    assert found == pytest.approx(expected, rel=0.03)
