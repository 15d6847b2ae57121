"""The Gaussian of all latent variables on each path, by stacking the layers."""

import numpy as np
from scipy.stats import multivariate_normal

from flexcv.models.mixtures.parameters import path_table

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
