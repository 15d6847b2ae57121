"""The integral over an effect: quadrature tends to it, one node is Laplace's."""

import numpy as np
import pytest
from scipy import integrate

from flexcv.models.laplace.families import family_of
from flexcv.models.laplace.group_modes import conditional_modes, group_rows
from flexcv.models.laplace.group_nodes import one_node, quadrature

FACTOR = np.array([[1.3]])


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(5)
    codes = np.repeat(np.arange(3), [2, 4, 6])
    y = rng.integers(0, 2, 12).astype(float)
    rows = group_rows(family_of("binomial", "logit"), y, codes, [np.ones(12)])
    eta = 0.5 * rng.normal(size=12)
    return rows, eta, conditional_modes(rows, eta, FACTOR)[0]


def integral(rows, eta, level):
    own = rows.levels.codes == level

    def density(u):
        here = eta[own] + FACTOR[0, 0] * u
        terms = rows.family.kernel(rows.y[own], here, rows.weights[own], 1.0)
        return np.exp(float(terms.loglik.sum()) - 0.5 * u * u) / np.sqrt(2 * np.pi)

    return np.log(integrate.quad(density, -12, 12, epsabs=1e-14)[0])


def test_nodes_sum_to_the_integral_of_each_level(drawn):
    rows, eta, mode = drawn
    wanted = [integral(rows, eta, level) for level in range(3)]
    many = quadrature(rows, eta, FACTOR, 1.0, mode, 25)
    np.testing.assert_allclose(many.value, wanted, atol=1e-9)
    few = one_node(rows, eta, FACTOR, 1.0, mode)
    gaps = np.abs(few.value - wanted)
    assert 1e-4 < gaps.max() < 0.05


def test_one_node_of_the_quadrature_is_laplaces(drawn):
    rows, eta, mode = drawn
    one = quadrature(rows, eta, FACTOR, 1.0, mode, 1)
    laplace = one_node(rows, eta, FACTOR, 1.0, mode)
    np.testing.assert_allclose(one.value, laplace.value, atol=1e-10)
    np.testing.assert_allclose(one.score, laplace.score, atol=1e-10)


def test_several_effects_are_refused(drawn):
    rows, eta, _ = drawn
    two = group_rows(
        rows.family, rows.y, rows.levels.codes, [np.ones(12), np.arange(12.0)]
    )
    mode, _ = conditional_modes(two, eta, np.eye(2))
    with pytest.raises(ValueError, match="needs one random effect per level, got 2"):
        quadrature(two, eta, np.eye(2), 1.0, mode, 5)
