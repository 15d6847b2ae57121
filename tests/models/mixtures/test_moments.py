"""Expected moments of all layers, of the residual and of beta."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp

from flexcv.models.mixtures.messages import local_factor, messages
from flexcv.models.mixtures.moments import sweep
from flexcv.models.mixtures.parameters import path_table
from tests.models.curve_tables import random_parameters, random_sums
from tests.models.mixtures.brute_force import SHAPES, conditioned


@pytest.mark.parametrize(("components", "factors"), SHAPES)
def test_the_moments_of_every_layer_are_those_of_the_joint_gaussian(
    components, factors
):
    sums, (X, _, y, codes) = random_sums()
    parameters = random_parameters(2, 4, components, factors, sure=True)
    found = sweep(sums, parameters)
    paths = path_table(components)
    dims = [4, *factors]
    edges = np.cumsum([0, *dims])
    for number, moments in enumerate(found.layers):
        above = slice(edges[number], edges[number + 1])
        below = slice(edges[number + 1], edges[number + 2])
        gram, cross = np.zeros_like(moments.gram), np.zeros_like(moments.cross)
        square = np.zeros_like(moments.square)
        for i in range(len(sums)):
            posterior = conditioned(parameters, X[codes == i], y[codes == i])
            logs = np.array([density for density, _, _ in posterior])
            shares = np.exp(logs - logsumexp(logs))
            for share, path, (_, mean, cov) in zip(
                shares, paths, posterior, strict=True
            ):
                k = path[number]
                second = cov + np.outer(mean, mean)
                one = np.concatenate([[1.0], mean[below]])
                whole = np.outer(one, one)
                whole[1:, 1:] = second[below, below]
                gram[k] += share * whole
                cross[k] += share * np.column_stack([mean[above], second[above, below]])
                square[k] += share * np.diag(second[above, above])
        np.testing.assert_allclose(moments.gram, gram, atol=1e-7)
        np.testing.assert_allclose(moments.cross, cross, atol=1e-7)
        np.testing.assert_allclose(moments.square, square, atol=1e-7)
        np.testing.assert_allclose(moments.count, gram[:, 0, 0], atol=1e-7)


def test_the_residual_is_the_expected_sum_of_squares():
    sums, (X, _, y, codes) = random_sums()
    parameters = random_parameters(3)
    local = local_factor(sums, messages(parameters), parameters)
    expected = 0.0
    for i, x, target in zip(codes, X, y, strict=True):
        mean = local.mean[i] @ x
        variance = np.einsum("cab,a,b->c", local.covariance[i], x, x)
        expected += local.share[i] @ ((target - mean) ** 2 + variance)
    assert sweep(sums, parameters).residual == pytest.approx(expected)


def test_the_gradient_in_beta_is_that_of_the_evidence():
    sums, _ = random_sums(p=2)
    parameters = random_parameters(4)

    def evidence(beta):
        own = sums.less_fixed(np.asarray(beta))
        return local_factor(own, messages(parameters), parameters).evidence.sum()

    beta, step = np.array([0.3, -0.2]), 1e-5
    found = sweep(sums, replace(parameters, fixed=beta))
    for k, unit in enumerate(np.eye(2)):
        slope = (evidence(beta + step * unit) - evidence(beta - step * unit)) / (
            2 * step
        )
        assert found.fixed_pull[k] == pytest.approx(slope, rel=1e-6)
