"""The closed-form updates of the global factors, and their part of the bound.

Each update maximises the bound over one factor, all others held, so the bound never
falls. The half-Cauchy and horseshoe priors are written with mixing variables, which
makes every block conjugate.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from flexcv.arrays import FloatArray

from .moments import LayerMoments, Sweep
from .parameters import Layer, Parameters, Priors
from .sums import SubjectSums


def updated(
    parameters: Parameters, found: Sweep, sums: SubjectSums, priors: Priors
) -> Parameters:
    """Update every global factor once, beta excepted."""
    layers = tuple(
        _updated_layer(layer, moments, priors, parameters.shrinks)
        for layer, moments in zip(parameters.layers, found.layers, strict=True)
    )
    precision = parameters.noise_precision
    mixing = precision + priors.noise_scale**-2
    noise_scale = 0.5 * found.residual + 1.0 / mixing
    gate = parameters.gate
    if gate is not None:
        gate = gate.updated(found.membership, sums.features)
    return replace(
        parameters,
        layers=layers,
        noise_shape=0.5 * (float(sums.sizes.sum()) + 1.0),
        noise_scale=noise_scale,
        noise_mixing=mixing,
        gate=gate,
    )


def updated_fixed(parameters: Parameters, found: Sweep) -> Parameters:
    """Move beta to the maximum of the bound, paths held and curves integrated out."""
    step = np.linalg.solve(found.fixed_curvature, found.fixed_pull)
    return replace(parameters, fixed=parameters.fixed + step)


def loading_precision(layer: Layer, shrinks: bool) -> FloatArray:
    """Return the expected prior precision of each loading, shape (k, d, m)."""
    if not shrinks:
        return np.ones_like(layer.local_rate)
    return layer.global_precision[:, None, None] / layer.local_rate


def _updated_layer(
    layer: Layer, moments: LayerMoments, priors: Priors, shrinks: bool
) -> Layer:
    layer = _updated_rows(layer, moments, priors, shrinks)
    layer = _updated_spread(layer, moments, priors)
    layer = _updated_shrinkage(layer, priors)
    return replace(layer, weights=priors.concentration + moments.count)


def _updated_rows(
    layer: Layer, moments: LayerMoments, priors: Priors, shrinks: bool
) -> Layer:
    """Update the means and loadings, row by row and jointly within a row."""
    inverse = layer.spread_precision[:, :, None]
    prior = np.concatenate(
        [
            (1.0 / (layer.mean_mixing * priors.mean_scale))[:, :, None],
            loading_precision(layer, shrinks),
        ],
        axis=2,
    )
    precision = inverse[..., None] * moments.gram[:, None]
    diagonal = np.arange(prior.shape[2])
    precision[..., diagonal, diagonal] += prior
    covariance = np.asarray(np.linalg.inv(precision), dtype=np.float64)
    mean = (covariance @ (inverse * moments.cross)[..., None])[..., 0]
    return replace(layer, mean=mean, covariance=covariance)


def _updated_spread(layer: Layer, moments: LayerMoments, priors: Priors) -> Layer:
    """Update the variances within components, then their mixing variables."""
    t, gram = layer.mean, moments.gram[:, None]
    fitted = (t * ((gram @ t[..., None])[..., 0] - 2.0 * moments.cross)).sum(axis=2)
    uncertain = (gram * layer.covariance).sum(axis=(2, 3))
    left = np.maximum(moments.square + fitted + uncertain, 0.0)
    scale = 0.5 * left + 1.0 / layer.spread_mixing
    shape = 0.5 * (moments.count + 1.0)
    mixing = shape[:, None] / scale + priors.spread_scale**-2
    return replace(layer, spread_shape=shape, spread_scale=scale, spread_mixing=mixing)


def _updated_shrinkage(layer: Layer, priors: Priors) -> Layer:
    """Update the scales of the means' and the loadings' priors."""
    square = layer.second_moment
    mean_mixing = 0.5 + 0.5 * square[:, :, 0] / priors.mean_scale
    loadings = square[:, :, 1:]
    precision = layer.global_precision[:, None, None]
    rate = 0.5 * loadings * precision + 1.0 / layer.local_mixing
    local_mixing = 1.0 + 1.0 / rate
    scale = 0.5 * (loadings / rate).sum(axis=(1, 2)) + 1.0 / layer.global_mixing
    layer = replace(
        layer,
        mean_mixing=mean_mixing,
        local_rate=rate,
        local_mixing=local_mixing,
        global_scale=scale,
    )
    mixing = layer.global_precision + priors.loading_scale**-2
    return replace(layer, global_mixing=mixing)
