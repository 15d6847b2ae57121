"""The local factor is exact: it equals brute force over paths."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from flexcv.models.mixtures.messages import chunks, local_factor, messages
from flexcv.models.mixtures.parameters import path_gaussians, path_table
from tests.models.curve_tables import random_parameters, random_sums

SHAPES = [((1,), (2,)), ((3,), (1,)), ((3, 2), (2, 1)), ((2, 2, 2), (3, 2, 1))]


def joint(parameters, path):
    """Mean and covariance of (z0, z1, ...) on one path, by stacking the layers."""
    layers = parameters.layers
    m = layers[-1].mean.shape[2] - 1
    mean, cov = np.zeros(m), np.eye(m)
    for layer, k in reversed(list(zip(layers, path, strict=True))):
        shift, loadings = layer.mean[k, :, 0], layer.mean[k, :, 1:]
        own = np.diag(1.0 / layer.spread_precision[k])
        width = loadings.shape[1]
        cross = loadings @ cov[:width]
        new = loadings @ cov[:width, :width] @ loadings.T + own
        mean = np.concatenate([shift + loadings @ mean[:width], mean])
        cov = np.block([[new, cross], [cross.T, cov]])
    return mean, cov


def conditioned(parameters, X, y):
    """Posterior moments of all latent variables and log joint density, by path."""
    noise = 1.0 / parameters.noise_precision
    found = []
    for path in path_table(parameters.n_components):
        mean, cov = joint(parameters, path)
        d = X.shape[1]
        design = np.zeros((len(y), len(mean)))
        design[:, :d] = X
        total = design @ cov @ design.T + noise * np.eye(len(y))
        gain = cov @ design.T @ np.linalg.inv(total)
        weight = sum(
            np.log(layer.weights[k] / layer.weights.sum())
            for layer, k in zip(parameters.layers, path, strict=True)
        )
        density = multivariate_normal(design @ mean, total).logpdf(y)
        centre = mean + gain @ (y - design @ mean)
        found.append((weight + density, centre, cov - gain @ design @ cov))
    return found


@pytest.mark.parametrize(("components", "factors"), SHAPES)
def test_with_certain_parameters_the_evidence_is_a_gaussian_mixture(
    components, factors
):
    sums, (X, _, y, codes) = random_sums()
    parameters = random_parameters(1, 4, components, factors, sure=True)
    local = local_factor(sums, messages(parameters), parameters)
    for i in range(len(sums)):
        own = codes == i
        found = conditioned(parameters, X[own], y[own])
        logs = np.array([density for density, _, _ in found])
        assert local.evidence[i] == pytest.approx(logsumexp(logs), abs=1e-8)
        np.testing.assert_allclose(
            local.share[i], np.exp(logs - logsumexp(logs)), atol=1e-9
        )
        np.testing.assert_allclose(
            local.mean[i], [mean[:4] for _, mean, _ in found], atol=1e-8
        )
        np.testing.assert_allclose(
            local.covariance[i], [cov[:4, :4] for _, _, cov in found], atol=1e-8
        )


def test_a_subject_without_rows_has_the_population_s_mixture():
    parameters = random_parameters(5, sure=True)
    sums, _ = random_sums()
    nothing = sums.take(slice(0, 1))
    zero = {
        name: getattr(nothing, name) * 0
        for name in ("gram", "cross", "square", "sizes")
    }
    local = local_factor(replace(nothing, **zero), messages(parameters), parameters)
    weight, mean, covariance = path_gaussians(parameters)
    np.testing.assert_allclose(local.share[0], weight, atol=1e-9)
    np.testing.assert_allclose(local.mean[0], mean, atol=1e-8)
    np.testing.assert_allclose(local.covariance[0], covariance, atol=1e-8)
    assert local.evidence[0] == pytest.approx(0.0, abs=1e-8)


def test_chunks_cover_all_subjects_once():
    parts = list(chunks(100_000, 50, 10))
    assert len(parts) > 1
    assert [part.start for part in parts[1:]] == [part.stop for part in parts[:-1]]
    assert parts[0].start == 0
    assert parts[-1].stop == 100_000
