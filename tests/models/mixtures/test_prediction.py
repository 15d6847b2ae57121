"""Moments, quantiles and draws of mixtures agree with one another."""

import numpy as np
from scipy.optimize import brentq
from scipy.stats import norm

from flexcv.models.mixtures.messages import Local, local_factor
from flexcv.models.mixtures.parameters import path_gaussians
from flexcv.models.mixtures.prediction import (
    RowMixture,
    cluster_curves,
    draw_coefficients,
    nobody,
    population_messages,
    row_mixture,
)
from tests.models.curve_tables import random_parameters, random_sums


def test_quantiles_invert_the_mixture_s_distribution():
    share, mean = np.array([[0.3, 0.7]]), np.array([[-2.0, 1.0]])
    variance = np.array([[0.5, 2.0]])
    asked = np.array([0.01, 0.25, 0.5, 0.99])
    found = RowMixture(share, mean, variance).quantiles(asked)[0]

    def below(value, probability):
        parts = norm(mean[0], np.sqrt(variance[0])).cdf(value)
        return share[0] @ parts - probability

    expected = [brentq(below, -20, 20, args=(p,)) for p in asked]
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_quantiles_of_a_point_are_the_point():
    point = RowMixture(np.ones((1, 1)), np.full((1, 1), 3.0), np.zeros((1, 1)))
    np.testing.assert_allclose(point.quantiles(np.array([0.1, 0.9])), 3.0)


def test_the_population_messages_are_the_paths_gaussians():
    parameters = random_parameters(1)
    told = population_messages(parameters)
    local = local_factor(nobody(2, 4), told, parameters)
    weight, mean, covariance = path_gaussians(parameters)
    for i in range(2):
        np.testing.assert_allclose(local.share[i], weight, atol=1e-10)
        np.testing.assert_allclose(local.mean[i], mean, atol=1e-9)
        np.testing.assert_allclose(local.covariance[i], covariance, atol=1e-9)
    np.testing.assert_allclose(local.evidence, 0.0, atol=1e-9)


def test_draws_have_the_moments_of_the_mixture():
    parameters = random_parameters(2)
    sums, _ = random_sums()
    local = local_factor(sums, population_messages(parameters), parameters)
    x = np.random.default_rng(0).normal(size=(1, 4))
    mixture = row_mixture(x, local, np.array([3]))
    generator = np.random.default_rng(1)
    drawn = draw_coefficients(local, np.array([3]), 40_000, generator)[:, 0] @ x[0]
    expected = mixture.expectation()[0]
    error = drawn.std() / 200.0
    assert abs(drawn.mean() - expected) < 4.0 * error
    asked = np.array([0.05, 0.5, 0.95])
    np.testing.assert_allclose(
        (drawn[:, None] < mixture.quantiles(asked)[0]).mean(axis=0), asked, atol=0.01
    )


def test_the_variance_of_a_row_is_that_of_its_columns():
    parameters = random_parameters(3)
    sums, _ = random_sums()
    local = local_factor(sums, population_messages(parameters), parameters)
    x, subject = np.arange(1.0, 5.0)[None], np.array([2])
    expected = [x[0] @ cov @ x[0] for cov in local.covariance[2]]
    np.testing.assert_allclose(row_mixture(x, local, subject).variance[0], expected)
    noisy = row_mixture(x, local, subject, 0.7).variance[0]
    np.testing.assert_allclose(noisy, np.array(expected) + 0.7)


def test_cluster_shares_sum_the_deeper_layers():
    share = np.array([[0.1, 0.2, 0.3, 0.4]])
    local = Local(share, share[..., None], share[..., None, None], share[:, 0])
    np.testing.assert_allclose(local.component_share(2), [[0.3, 0.7]])
    np.testing.assert_allclose(local.component_share(4), share)


def test_cluster_curves_add_up_to_the_population():
    parameters = random_parameters(4)
    design = np.random.default_rng(0).normal(size=(5, 4))
    found = cluster_curves(parameters, design, 0.9)
    weight, mean, _ = path_gaussians(parameters)
    total = sum(share * values[:, 0] for share, values in found)
    np.testing.assert_allclose(total, design @ (weight @ mean), atol=1e-10)
    for _, values in found:
        assert (values[:, 1] < values[:, 2]).all()
