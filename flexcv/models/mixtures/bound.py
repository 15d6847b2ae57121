"""The evidence lower bound: what the global factors add to the subjects' evidence.

For every factor E log p - E log q, with densities x^(-a-1) exp(-b/x) b^a / G(a) for
the inverse gamma and x^(a-1) exp(-bx) b^a / G(a) for the gamma. Additive constants
are kept, so bounds of fits with different numbers of components compare.
"""

from __future__ import annotations

import numpy as np
from scipy.special import digamma, gammaln

from flexcv.arrays import FloatArray

from .gate import Gate
from .messages import LOG_2PI
from .parameters import Layer, Parameters, Priors

HALF = 0.5
LOG_GAMMA_HALF = float(gammaln(HALF))


def global_bound(parameters: Parameters, priors: Priors) -> float:
    """Sum E log p - E log q over all global factors."""
    shrinks = parameters.shrinks
    total = sum(
        _layer_bound(layer, priors, shrinks, parameters.gate if number == 0 else None)
        for number, layer in enumerate(parameters.layers)
    )
    noise = _half_cauchy(
        np.array(parameters.noise_shape),
        np.array(parameters.noise_scale),
        np.array(parameters.noise_mixing),
        priors.noise_scale,
    )
    return float(total + noise)


def _layer_bound(
    layer: Layer, priors: Priors, shrinks: bool, gate: Gate | None
) -> float:
    total = _rows_entropy(layer) + _means(layer, priors)
    total += _half_cauchy(
        np.broadcast_to(layer.spread_shape[:, None], layer.spread_scale.shape),
        layer.spread_scale,
        layer.spread_mixing,
        priors.spread_scale,
    )
    if gate is None:
        total += _weights(layer.weights, priors.concentration)
    else:
        total += gate.bound()
    loadings = _horseshoe(layer, priors) if shrinks else _plain_loadings(layer)
    return float(total + loadings)


def _rows_entropy(layer: Layer) -> float:
    k, d, width = layer.mean.shape
    log_det = np.linalg.slogdet(layer.covariance)[1].sum()
    return 0.5 * (float(k * d * width) * (1.0 + LOG_2PI) + float(log_det))


def _means(layer: Layer, priors: Priors) -> float:
    """Cauchy means: mu ~ N(0, G g), g ~ IG(1/2, 1/2)."""
    g = priors.mean_scale
    scale = layer.mean_mixing
    inverse, log_mean = 1.0 / scale, _log_inverse_gamma(1.0, scale)
    square = layer.second_moment[:, :, 0]
    normal = -0.5 * (LOG_2PI + np.log(g) + log_mean + square * inverse / g)
    return float((normal + _inverse_gamma(1.0, scale, HALF, HALF)).sum())


def _plain_loadings(layer: Layer) -> float:
    """Return the loadings' part while they have a standard normal prior."""
    square = layer.second_moment[:, :, 1:]
    return float(-0.5 * (LOG_2PI + square).sum())


def _horseshoe(layer: Layer, priors: Priors) -> float:
    """Horseshoe loadings: B ~ N(0, tau / h) and the scales above them."""
    rate, local = layer.local_rate, layer.local_mixing
    square = layer.second_moment[:, :, 1:]
    log_tau = _log_inverse_gamma(layer.global_shape, layer.global_scale)[:, None, None]
    log_h, h = digamma(1.0) - np.log(rate), 1.0 / rate
    precision = layer.global_precision[:, None, None]
    normal = -0.5 * (LOG_2PI + log_tau - log_h + square * h * precision)
    log_c, c = digamma(1.0) - np.log(local), 1.0 / local
    of_h = HALF * log_c - LOG_GAMMA_HALF - HALF * log_h - c * h + _gamma_entropy(rate)
    of_c = -LOG_GAMMA_HALF - HALF * log_c - c + _gamma_entropy(local)
    of_tau = _half_cauchy(
        np.full(len(layer.global_scale), layer.global_shape),
        layer.global_scale,
        layer.global_mixing,
        priors.loading_scale,
    )
    return float((normal + of_h + of_c).sum()) + of_tau


def _half_cauchy(
    shape: FloatArray, scale: FloatArray, mixing: FloatArray, width: float
) -> float:
    """Return the part of v ~ IG(1/2, 1/x), x ~ IG(1/2, 1/width^2), summed.

    q(v) is IG(shape, scale) and q(x) is IG(1, mixing).
    """
    log_v, inverse_v = np.log(scale) - digamma(shape), shape / scale
    log_x, inverse_x = _log_inverse_gamma(1.0, mixing), 1.0 / mixing
    of_v = -HALF * log_x - LOG_GAMMA_HALF - 1.5 * log_v - inverse_x * inverse_v
    entropy = shape + np.log(scale) + gammaln(shape) - (1.0 + shape) * digamma(shape)
    of_x = _inverse_gamma(1.0, mixing, HALF, width**-2)
    return float((of_v + entropy + of_x).sum())


def _inverse_gamma(
    shape: float, scale: FloatArray, prior_shape: float, prior_scale: float
) -> FloatArray:
    """Return E log p - E log q of q = IG(shape, scale) under an inverse gamma."""
    log_mean, inverse = _log_inverse_gamma(shape, scale), shape / scale
    prior = prior_shape * np.log(prior_scale) - gammaln(prior_shape)
    prior = prior - (prior_shape + 1.0) * log_mean - prior_scale * inverse
    entropy = shape + np.log(scale) + gammaln(shape) - (1.0 + shape) * digamma(shape)
    return np.asarray(prior + entropy)


def _log_inverse_gamma(shape: float, scale: FloatArray) -> FloatArray:
    return np.asarray(np.log(scale) - digamma(shape))


def _gamma_entropy(rate: FloatArray) -> FloatArray:
    """Return the entropy of a gamma of shape one."""
    return np.asarray(1.0 - np.log(rate))


def _weights(alpha: FloatArray, concentration: float) -> float:
    """Return minus the divergence of the weights' Dirichlet from its prior."""
    k = len(alpha)
    log_w = digamma(alpha) - digamma(alpha.sum())
    prior = gammaln(k * concentration) - k * gammaln(concentration)
    own = gammaln(alpha.sum()) - gammaln(alpha).sum()
    return float(prior - own + ((concentration - alpha) * log_w).sum())
