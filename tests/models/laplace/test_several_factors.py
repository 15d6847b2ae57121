"""Laplace's approximation for crossed and nested factors."""

import numpy as np
import pytest

from flexcv.errors import ModelError
from flexcv.models.gaussian.covariance import covariance_shape
from flexcv.models.laplace import incidence
from flexcv.models.laplace.crossed_rows import crossed_rows
from flexcv.models.laplace.families import FAMILIES, family_of
from flexcv.models.laplace.group_modes import group_rows
from flexcv.models.laplace.one_factor import OneFactor
from flexcv.models.laplace.problem import LaplaceProblem
from flexcv.models.laplace.several_factors import SeveralFactors

EVERY = [(name, link) for name, (_, links) in FAMILIES.items() for link in links]
N_ROWS, SIZES = 80, (9, 5, 4)


def drawn(name, link, effects=(2, 1, 2), seed=0):
    """Return groups of three crossed factors, and a problem in all parameters."""
    rng = np.random.default_rng(seed)
    family = family_of(name, link)
    x = rng.normal(size=N_ROWS)
    columns = np.vstack([np.ones(N_ROWS), x])
    codes = [rng.integers(0, n, N_ROWS) for n in SIZES[: len(effects)]]
    eta = 0.3 + 0.4 * x + sum(rng.normal(size=9)[c] * 0.6 for c in codes)
    mu = family.mean(eta)
    y = {
        "binomial": lambda: rng.binomial(3, mu) / 3,
        "poisson": lambda: rng.poisson(mu).astype(float),
        "negative_binomial": lambda: rng.negative_binomial(0.8, 0.8 / (0.8 + mu)) * 1.0,
        "gamma": lambda: rng.gamma(1.25, mu / 1.25),
    }[name]()
    weights = np.full(N_ROWS, 3.0)
    groups = [
        group_rows(family, y, c, columns[:q], weights, n)
        for c, q, n in zip(codes, effects, SIZES, strict=False)
    ]
    shapes = tuple(covariance_shape((q,)) for q in effects)
    problem = LaplaceProblem(
        SeveralFactors(crossed_rows(groups)), shapes, columns, np.zeros(N_ROWS)
    )
    theta = rng.normal(size=problem.n_theta) * 0.3 + 0.4
    tail = [np.log(0.8)] if family.has_dispersion else []
    return problem, np.concatenate([theta, [0.2, 0.3], tail])


def dense_loglik(problem, parameters):
    """Return Laplace's approximation with one big A."""
    point, groups = problem.point(parameters), problem.rows.groups
    family, one = problem.rows.family, groups[0]
    blocks = []
    for group, factor in zip(groups, point.factors, strict=True):
        indicator = np.eye(group.levels.n_levels)[group.levels.codes]
        turned = factor.T @ group.columns
        blocks += [indicator * column[:, None] for column in turned]
    z = np.hstack(blocks)
    eta, u = point.beta @ problem.fixed, np.zeros(z.shape[1])
    for _ in range(60):
        terms = family.terms(one.y, eta + z @ u, one.weights, point.dispersion)
        inner = np.eye(len(u)) + (z.T * terms.information) @ z
        u = u + np.linalg.solve(inner, z.T @ terms.score - u)
    terms = family.terms(one.y, eta + z @ u, one.weights, point.dispersion)
    return terms.loglik.sum() - 0.5 * u @ u - 0.5 * np.linalg.slogdet(inner)[1]


@pytest.mark.parametrize(("name", "link"), EVERY)
@pytest.mark.parametrize("cells", [0, 10**6])
def test_value_is_that_of_one_big_matrix(name, link, cells, monkeypatch):
    monkeypatch.setattr(incidence, "DENSE_CELLS", cells)
    problem, parameters = drawn(name, link)
    at = problem.at(parameters)
    assert at.converged
    assert at.loglik == pytest.approx(dense_loglik(problem, parameters), abs=1e-9)


@pytest.mark.parametrize(("name", "link"), EVERY)
@pytest.mark.parametrize("effects", [(1, 1), (2, 1, 2)])
@pytest.mark.parametrize("cells", [0, 10**6])
def test_gradients_equal_differences(name, link, effects, cells, monkeypatch):
    monkeypatch.setattr(incidence, "DENSE_CELLS", cells)
    problem, parameters = drawn(name, link, effects)
    gradient = problem.gradient(parameters)[1]
    step = 1e-5
    for k, direction in enumerate(np.eye(len(parameters))):
        ahead = problem.at(parameters + step * direction).loglik
        behind = problem.at(parameters - step * direction).loglik
        slope = -2.0 * (ahead - behind) / (2.0 * step)
        assert gradient[k] == pytest.approx(slope, rel=1e-7, abs=3e-6)


def test_a_second_factor_without_variance_changes_nothing():
    problem, parameters = drawn("binomial", "logit", (2, 1))
    parameters[3] = 0.0
    alone = LaplaceProblem(
        OneFactor(problem.rows.groups[0]),
        problem.shapes[:1],
        problem.fixed,
        problem.offset,
    )
    both, one = problem.at(parameters), alone.at(np.delete(parameters, 3))
    assert both.loglik == pytest.approx(one.loglik)
    np.testing.assert_allclose(both.eta_gradient, one.eta_gradient, atol=1e-8)
    np.testing.assert_allclose(
        both.factor_gradients[0], one.factor_gradients[0], atol=1e-7
    )
    np.testing.assert_allclose(both.covariances[0], one.covariances[0], atol=1e-10)
    lines = problem.fixed
    np.testing.assert_allclose(both.gram(lines), one.gram(lines), atol=1e-9)


def test_too_many_effects_beside_the_largest_factor_are_refused():
    y, codes = np.zeros(7000), np.arange(7000)
    groups = [
        group_rows(family_of("poisson"), y, codes, np.ones((1, 7000))) for _ in "ab"
    ]
    with pytest.raises(ModelError) as error:
        crossed_rows(groups)
    assert str(error.value) == (
        "beside the largest factor there may be 6000 random effects in all, got 7000; "
        "leave a factor out or group more coarsely."
    )
