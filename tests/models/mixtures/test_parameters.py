"""Paths through the layers, and expectations of their factors."""

import numpy as np
import pytest
from scipy import stats

from flexcv.models.mixtures.parameters import path_gaussians, path_table
from tests.models.curve_tables import random_parameters


def test_paths_run_through_the_deepest_layer_fastest():
    assert path_table((3, 2)).tolist() == [
        [0, 0],
        [0, 1],
        [1, 0],
        [1, 1],
        [2, 0],
        [2, 1],
    ]


def test_each_path_is_the_gaussian_of_its_components():
    parameters = random_parameters(components=(3, 2), factors=(2, 1), sure=True)
    weight, mean, covariance = path_gaussians(parameters)
    first, second = parameters.layers
    for path, (a, b) in enumerate(path_table((3, 2))):
        mu1, b1 = first.mean[a, :, 0], first.mean[a, :, 1:]
        mu2, b2 = second.mean[b, :, 0], second.mean[b, :, 1:]
        inner = b2 @ b2.T + np.diag(1.0 / second.spread_precision[b])
        np.testing.assert_allclose(mean[path], mu1 + b1 @ mu2)
        own = np.diag(1.0 / first.spread_precision[a])
        np.testing.assert_allclose(covariance[path], b1 @ inner @ b1.T + own)
        share = first.weights[a] / first.weights.sum()
        share *= second.weights[b] / second.weights.sum()
        assert weight[path] == pytest.approx(share)


def test_expectations_of_the_factors_are_those_of_their_distributions():
    layer = random_parameters().layers[0]
    rng = np.random.default_rng(0)
    spread = stats.invgamma(layer.spread_shape[0], scale=layer.spread_scale[0, 0])
    drawn = spread.rvs(400_000, random_state=rng)
    assert layer.spread_precision[0, 0] == pytest.approx((1 / drawn).mean(), rel=0.01)
    assert layer.log_spread[0, 0] == pytest.approx(np.log(drawn).mean(), abs=0.01)
    shares = rng.dirichlet(layer.weights, 400_000)
    np.testing.assert_allclose(
        layer.log_weights, np.log(shares).mean(axis=0), atol=0.01
    )


def test_components_are_kept_in_the_order_asked_for():
    parameters = random_parameters(components=(3, 2))
    taken = parameters.take(0, np.array([2, 0]))
    assert taken.n_components == (2, 2)
    assert (taken.n_paths, parameters.n_paths) == (4, 6)
    np.testing.assert_array_equal(
        taken.layers[0].mean, parameters.layers[0].mean[[2, 0]]
    )
    assert taken.layers[1] is parameters.layers[1]


def test_values_of_the_first_layer_are_repeated_path_by_path():
    parameters = random_parameters(components=(3, 2))
    np.testing.assert_array_equal(
        parameters.per_path(np.array([[1.0, 2.0, 3.0]])), [[1, 1, 2, 2, 3, 3]]
    )
