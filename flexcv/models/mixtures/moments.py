"""Sums of the local factors over subjects: all that the global updates need."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flexcv.arrays import FloatArray

from .gate import with_ones
from .messages import (
    Local,
    Messages,
    Passage,
    chunks,
    local_factor,
    messages,
)
from .parameters import Parameters
from .sums import SubjectSums


@dataclass(frozen=True, slots=True, eq=False)
class PathMoments:
    """Expected sums over subjects of z, path by path.

    Attributes
    ----------
    count, first, second
        Of 1, z and z z', shapes (paths,), (paths, d) and (paths, d, d).
    """

    count: FloatArray
    first: FloatArray
    second: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class LayerMoments:
    """Expected sums over subjects for one layer's components.

    Attributes
    ----------
    count
        Subjects in each component, shape (k,).
    gram
        Of (1, z^(l))(1, z^(l))', shape (k, 1 + m, 1 + m).
    cross
        Of z^(l-1)(1, z^(l))', shape (k, d, 1 + m).
    square
        Of the squares of z^(l-1), shape (k, d).
    """

    count: FloatArray
    gram: FloatArray
    cross: FloatArray
    square: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """What one pass over the subjects gives.

    Attributes
    ----------
    layers
        One record per layer.
    evidence
        The subjects' part of the bound.
    residual
        Expected sum of squared residuals.
    fixed_pull, fixed_curvature
        Gradient of the evidence in beta and minus its curvature, paths held.
    membership
        Of (1, x) for the first layer's components, shape (k, 1 + q).
    """

    layers: tuple[LayerMoments, ...]
    evidence: float
    residual: float
    fixed_pull: FloatArray
    fixed_curvature: FloatArray
    membership: FloatArray


def sweep(sums: SubjectSums, parameters: Parameters) -> Sweep:
    """Pass over all subjects and sum.

    Parameters
    ----------
    sums
        With the fixed part still in the target.
    parameters
        The current ones.
    """
    told = messages(parameters)
    left = sums.less_fixed(parameters.fixed)
    n_paths, d = told.linear.shape
    count, first = np.zeros(n_paths), np.zeros((n_paths, d))
    second = np.zeros((n_paths, d, d))
    evidence = residual = 0.0
    pull, curvature = np.zeros(sums.n_fixed), np.zeros((sums.n_fixed, sums.n_fixed))
    members = np.zeros((parameters.n_components[0], 1 + sums.features.shape[1]))
    for part in chunks(len(sums), n_paths, d):
        own = left.take(part)
        local = local_factor(own, told, parameters)
        moments, mean, cov, square = _weighted(local)
        count += moments.count
        first += moments.first
        second += moments.second
        evidence += float(local.evidence.sum())
        members += local.component_share(len(members)).T @ with_ones(own.features)
        residual += _residual(own, mean, square)
        if sums.n_fixed:
            t = parameters.noise_precision
            pull += t * _fixed_pull(own, mean)
            curvature += t * _fixed_curvature(own, t * cov)
    moved = push(PathMoments(count, first, second), told, parameters.n_components)
    return Sweep(moved, evidence, residual, pull, curvature, members)


def _weighted(
    local: Local,
) -> tuple[PathMoments, FloatArray, FloatArray, FloatArray]:
    """Sum over subjects, and over paths: mean, covariance within paths, E zz'."""
    share = local.share[..., None]
    scaled = share * local.mean
    second = np.matmul(scaled.transpose(1, 2, 0), local.mean.transpose(1, 0, 2))
    within = share[..., None] * local.covariance
    moments = PathMoments(
        local.share.sum(axis=0), scaled.sum(axis=0), second + within.sum(axis=0)
    )
    between = np.matmul(scaled.swapaxes(1, 2), local.mean)
    within = within.sum(axis=1)
    return moments, scaled.sum(axis=1), within, within + between


def _residual(own: SubjectSums, mean: FloatArray, square: FloatArray) -> float:
    fitted = (own.gram * square).sum() - 2.0 * (own.cross * mean).sum()
    return float(own.square.sum() + fitted)


def _fixed_pull(own: SubjectSums, mean: FloatArray) -> FloatArray:
    """Sum W'(y - W beta - X E z)."""
    curves = np.einsum("ndp,nd->p", own.fixed_cross, mean)
    return np.asarray(own.fixed_target.sum(axis=0) - curves)


def _fixed_curvature(own: SubjectSums, scaled: FloatArray) -> FloatArray:
    """Sum W'W less what the curves can take over of it."""
    inner = own.fixed_cross.swapaxes(1, 2) @ (scaled @ own.fixed_cross)
    return np.asarray((own.fixed_gram - inner).sum(axis=0))


def push(
    moments: PathMoments, told: Messages, n_components: tuple[int, ...]
) -> tuple[LayerMoments, ...]:
    """Carry the moments of the coefficients down to every layer."""
    layers = []
    for n, passage in zip(n_components, told.passages, strict=True):
        below, cross = _next_moments(moments, passage)
        layers.append(_layer_moments(moments, below, cross, n))
        moments = _sum_components(below, n)
    return tuple(layers)


def _next_moments(
    moments: PathMoments, passage: Passage
) -> tuple[PathMoments, FloatArray]:
    """Return the moments of z^(l) on each suffix, and E z^(l-1) z^(l)'."""
    slope, shift = passage.slope, passage.shift
    count = moments.count[:, None]
    moved = (slope @ moments.first[..., None])[..., 0]
    first = moved + count * shift
    cross = moments.second @ slope.swapaxes(1, 2)
    cross += moments.first[:, :, None] * shift[:, None, :]
    mixed = moved[:, :, None] * shift[:, None, :]
    second = slope @ moments.second @ slope.swapaxes(1, 2)
    second += mixed + mixed.swapaxes(1, 2)
    second += count[..., None] * (
        passage.covariance + shift[:, :, None] * shift[:, None, :]
    )
    return PathMoments(moments.count, first, second), cross


def _layer_moments(
    above: PathMoments, below: PathMoments, cross: FloatArray, n: int
) -> LayerMoments:
    """Sum over the suffixes through each component."""
    m, d = below.first.shape[1], above.first.shape[1]
    gram = np.empty((len(below.count), 1 + m, 1 + m))
    gram[:, 0, 0] = below.count
    gram[:, 0, 1:] = gram[:, 1:, 0] = below.first
    gram[:, 1:, 1:] = below.second
    joint = np.concatenate([above.first[:, :, None], cross], axis=2)
    square = np.diagonal(above.second, axis1=1, axis2=2)
    return LayerMoments(
        below.count.reshape(n, -1).sum(axis=1),
        gram.reshape(n, -1, 1 + m, 1 + m).sum(axis=1),
        joint.reshape(n, -1, d, 1 + m).sum(axis=1),
        square.reshape(n, -1, d).sum(axis=1),
    )


def _sum_components(moments: PathMoments, n: int) -> PathMoments:
    """Sum over the components of a layer: what is left depends on the deeper ones."""
    m = moments.first.shape[1]
    return PathMoments(
        moments.count.reshape(n, -1).sum(axis=0),
        moments.first.reshape(n, -1, m).sum(axis=0),
        moments.second.reshape(n, -1, m, m).sum(axis=0),
    )
