"""Laplace and Gauss-Hermite likelihoods of one grouping factor."""

import numpy as np
import pytest
from scipy import integrate, stats

from flexcv.models.laplace.families import FAMILIES, Binomial, Poisson, family_of
from flexcv.models.laplace.group_laplace import group_laplace, group_rows
from flexcv.models.laplace.group_modes import conditional_modes
from flexcv.models.laplace.group_nodes import one_node, quadrature

EVERY = [(name, link) for name, (_, links) in FAMILIES.items() for link in links]
N_LEVELS, DISPERSION = 6, 0.8


def drawn(name, link, q, seed=0):
    """Return rows, eta and Lambda of a small table."""
    rng = np.random.default_rng(seed)
    family = family_of(name, link)
    codes = rng.permutation(np.repeat(np.arange(N_LEVELS), [1, 2, 3, 5, 7, 9]))
    columns = np.vstack([np.ones(len(codes)), rng.normal(size=(q - 1, len(codes)))])
    factor = np.tril(rng.normal(size=(q, q)) * 0.4) + 0.6 * np.eye(q)
    eta = rng.normal(size=len(codes)) * 0.5
    weights = np.full(len(codes), 3.0)
    b = (factor @ rng.normal(size=(q, N_LEVELS)))[:, codes]
    mu = family.mean(eta + (b * columns).sum(axis=0))
    y = {
        "binomial": lambda: rng.binomial(3, mu) / 3,
        "poisson": lambda: rng.poisson(mu).astype(float),
        "negative_binomial": lambda: rng.negative_binomial(0.8, 0.8 / (0.8 + mu)) * 1.0,
        "gamma": lambda: rng.gamma(1.25, mu / 1.25),
    }[name]()
    return group_rows(family, y, codes, columns, weights), eta, factor


def differences(function, at, step=1e-5):
    """Return the gradient of a function of an array by central differences."""
    slopes = np.empty(at.size)
    for k in range(at.size):
        shift = np.zeros(at.size)
        shift[k] = step
        shift = shift.reshape(at.shape)
        slopes[k] = (function(at + shift) - function(at - shift)) / (2.0 * step)
    return slopes.reshape(at.shape)


CASES = [(*pair, q, 1) for pair in EVERY for q in (1, 2, 3)] + [
    (*pair, 1, 7) for pair in EVERY
]


@pytest.mark.parametrize(("name", "link", "q", "n_nodes"), CASES)
def test_gradients_equal_differences(name, link, q, n_nodes):
    rows, eta, factor = drawn(name, link, q)

    def loglik(eta=eta, factor=factor, dispersion=DISPERSION):
        return group_laplace(
            rows, eta, factor, dispersion=dispersion, n_nodes=n_nodes
        ).loglik

    at = group_laplace(rows, eta, factor, dispersion=DISPERSION, n_nodes=n_nodes)
    assert at.converged
    np.testing.assert_allclose(
        at.eta_gradient, differences(lambda e: loglik(eta=e), eta), atol=5e-7
    )
    np.testing.assert_allclose(
        at.factor_gradient, differences(lambda f: loglik(factor=f), factor), atol=5e-7
    )
    in_log = differences(
        lambda d: loglik(dispersion=DISPERSION * np.exp(d[0])), np.zeros(1)
    )
    assert at.dispersion_gradient == pytest.approx(in_log[0], abs=5e-7)


@pytest.mark.parametrize(("name", "link"), EVERY)
def test_many_nodes_give_the_integral(name, link):
    rows, eta, factor = drawn(name, link, 1)
    total = 0.0
    for level in range(N_LEVELS):
        own = rows.levels.codes == level

        def density(b, own=own):
            terms = rows.family.terms(
                rows.y[own], eta[own] + b, rows.weights[own], DISPERSION
            )
            return np.exp(terms.loglik.sum()) * stats.norm.pdf(b, 0.0, factor[0, 0])

        total += np.log(
            integrate.quad(density, -12, 12, limit=400, epsabs=0.0, epsrel=1e-10)[0]
        )
    at = group_laplace(rows, eta, factor, dispersion=DISPERSION, n_nodes=40)
    assert at.loglik == pytest.approx(total, abs=1e-6)
    laplace = group_laplace(rows, eta, factor, dispersion=DISPERSION)
    assert laplace.loglik == pytest.approx(total, abs=0.5)


@pytest.mark.parametrize(("name", "link"), EVERY)
def test_one_node_is_laplace(name, link):
    rows, eta, factor = drawn(name, link, 1)
    mode, _ = conditional_modes(rows, eta, factor, DISPERSION)
    one = quadrature(rows, eta, factor, DISPERSION, mode, 1)
    other = one_node(rows, eta, factor, DISPERSION, mode)
    np.testing.assert_allclose(one.value, other.value)
    np.testing.assert_allclose(one.products, other.products)
    np.testing.assert_allclose(one.spread, 1.0)
    np.testing.assert_allclose(one.drift, 0.0, atol=1e-6)


@pytest.mark.parametrize("target", [0.0, 1.0])
def test_levels_of_one_class_have_a_finite_mode(target):
    codes = np.repeat(np.arange(3), 50)
    y = np.where(codes == 0, target, np.tile([0.0, 1.0], 75))
    rows = group_rows(Binomial(), y, codes, [np.ones(150)])
    at = group_laplace(rows, np.zeros(150), np.array([[20.0]]))
    assert at.converged
    assert 3.0 < abs(at.effects[0, 0]) < 20.0


def test_a_far_start_reaches_the_same_mode():
    rows, eta, factor = drawn("poisson", "log", 2)
    cold = group_laplace(rows, eta, factor)
    far = group_laplace(rows, eta, factor, start=np.full((2, N_LEVELS), 15.0))
    assert far.converged
    np.testing.assert_allclose(far.modes, cold.modes, atol=1e-7)


def test_order_of_rows_and_empty_levels_do_not_matter():
    rows, eta, factor = drawn("binomial", "logit", 2)
    order = np.argsort(rows.levels.codes, kind="stable")
    ordered = group_rows(
        rows.family,
        rows.y[order],
        rows.levels.codes[order],
        rows.columns[:, order],
        rows.weights[order],
    )
    gap = group_rows(
        rows.family,
        rows.y,
        rows.levels.codes + 2,
        rows.columns,
        rows.weights,
        N_LEVELS + 4,
    )
    one = group_laplace(rows, eta, factor)
    two = group_laplace(ordered, eta[order], factor)
    three = group_laplace(gap, eta, factor)
    assert ordered.levels.starts is not None
    assert one.loglik == pytest.approx(two.loglik)
    assert one.loglik == pytest.approx(three.loglik)
    np.testing.assert_allclose(one.eta_gradient[order], two.eta_gradient)
    np.testing.assert_allclose(one.factor_gradient, three.factor_gradient)


def test_without_variance_it_is_the_likelihood_of_the_rows():
    rows, eta, _ = drawn("poisson", "log", 1)
    at = group_laplace(rows, eta, np.zeros((1, 1)))
    terms = Poisson().terms(rows.y, eta, rows.weights)
    assert at.loglik == pytest.approx(terms.loglik.sum())
    np.testing.assert_allclose(at.eta_gradient, terms.score)
    assert at.factor_gradient[0, 0] == 0.0


def test_quadrature_of_several_effects_is_refused():
    rows, eta, factor = drawn("poisson", "log", 2)
    with pytest.raises(ValueError) as error:
        group_laplace(rows, eta, factor, n_nodes=5)
    assert str(error.value) == (
        "quadrature needs one random effect per level, got 2; use one node (Laplace)."
    )
