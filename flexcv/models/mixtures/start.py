"""Where the ascent starts: one Gaussian for all subjects, then clusters of its curves.

Curves that are observed at few times cannot be clustered one by one. So a single
mixed model with an unstructured covariance is fitted first, by EM; its predictions of
the subjects' coefficients are clustered, and each cluster gets the principal axes of
its coefficients. The scores on these axes are what the next layer clusters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from flexcv._rounding import first_least, on_grid
from flexcv.arrays import FloatArray, IntArray

from .parameters import Layer, Parameters, Priors
from .sums import SubjectSums

EM_STEPS = 100
RIDGE = 0.1
SEEDINGS = 10
LLOYD_STEPS = 50
LEAST_SPREAD = 1e-4  # of a coefficient's own variance, in a target of unit variance
ROW_VARIANCE = 1e-4  # starting uncertainty of means and loadings


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """One Gaussian for all subjects' coefficients, and what it predicts of each.

    Attributes
    ----------
    mean, covariance
        Of the coefficients, shapes (d,) and (d, d).
    noise
        Residual variance.
    predicted
        Conditional means, shape (n, d).
    uncertainty
        Average conditional covariance, shape (d, d).
    """

    mean: FloatArray
    covariance: FloatArray
    noise: float
    predicted: FloatArray
    uncertainty: FloatArray


def common_curves(sums: SubjectSums, n_steps: int = EM_STEPS) -> Curves:
    """Fit one Gaussian to all coefficients by EM."""
    d, n_rows = sums.cross.shape[1], sums.sizes.sum()
    ridge = RIDGE * np.eye(d)
    mean = np.linalg.solve(sums.gram.sum(axis=0) + ridge, sums.cross.sum(axis=0))
    curves = Curves(mean, np.eye(d), 0.5, np.zeros((len(sums), d)), np.eye(d))
    for _ in range(n_steps):
        precision = np.linalg.inv(curves.covariance)
        cov = np.linalg.inv(precision + sums.gram / curves.noise)
        pull = precision @ curves.mean + sums.cross / curves.noise
        z = (cov @ pull[..., None])[..., 0]
        mean, uncertainty = z.mean(axis=0), cov.mean(axis=0)
        centred = z - mean
        # One prior observation of small variance keeps directions without data.
        spread = centred.T @ centred + len(z) * uncertainty + RIDGE * np.eye(d)
        square = cov + z[:, :, None] * z[:, None, :]
        left = sums.square.sum() - 2.0 * (sums.cross * z).sum()
        noise = (left + (sums.gram * square).sum() + RIDGE) / (n_rows + 1.0)
        curves = Curves(mean, spread / (len(z) + 1.0), float(noise), z, uncertainty)
    return curves


def starting_parameters(
    curves: Curves,
    n_rows: float,
    fixed: FloatArray,
    n_components: Sequence[int],
    n_factors: Sequence[int],
    priors: Priors,
    generator: np.random.Generator,
    seedings: int = SEEDINGS,
) -> Parameters:
    """Cluster the curves, layer by layer, and give the parameters that follow.

    Parameters
    ----------
    curves
        From `common_curves`.
    n_rows
        How many rows all subjects have.
    fixed
        beta to start from.
    n_components, n_factors
        Per layer.
    priors
        Of the model.
    generator
        Seeds the clustering.
    seedings
        How many k-means clusterings the best is taken of.
    """
    points, uncertainty, layers = curves.predicted, curves.uncertainty, []
    for k, m in zip(n_components, n_factors, strict=True):
        whole = np.cov(points.T, bias=True).reshape(uncertainty.shape) + uncertainty
        labels = k_means(whitened(points, whole), k, generator, seedings)
        found = [
            _component(points[labels == label], uncertainty, whole, m)
            for label in range(k)
        ]
        layers.append(_layer(found, np.bincount(labels, minlength=k), priors))
        points, uncertainty = _scores(points, labels, found)
    shape = 0.5 * (n_rows + 1.0)
    return Parameters(
        tuple(layers), shape, shape * curves.noise, 1.0, fixed, shrinks=False
    )


def whitened(points: FloatArray, covariance: FloatArray) -> FloatArray:
    """Turn and scale points so that `covariance` becomes the identity."""
    values, axes = np.linalg.eigh(covariance)
    scale = np.sqrt(np.maximum(values, 1e-12 * values[-1] + 1e-300))
    return np.asarray((points - points.mean(axis=0)) @ axes / scale)


def k_means(
    points: FloatArray, k: int, generator: np.random.Generator, seedings: int
) -> IntArray:
    """Return labels of the best of several k-means clusterings.

    Arthur & Vassilvitskii (2007), *k-means++*, seeds them.
    """
    found = [
        _lloyd(points, _seeds(points, k, generator))
        for _ in range(seedings if k > 1 else 1)
    ]
    return found[first_least([loss for _, loss in found])][0]


def _seeds(points: FloatArray, k: int, generator: np.random.Generator) -> FloatArray:
    """Draw centres far from one another."""
    chosen = [int(generator.integers(len(points)))]
    distance = np.full(len(points), np.inf)
    while len(chosen) < k:
        apart = ((points - points[chosen[-1]]) ** 2).sum(axis=1)
        distance = np.minimum(distance, apart)
        total = distance.sum()
        share = distance / total if total > 0.0 else None
        chosen.append(int(generator.choice(len(points), p=share)))
    return points[chosen]


def _lloyd(points: FloatArray, centres: FloatArray) -> tuple[IntArray, float]:
    labels = np.full(len(points), -1)
    for _ in range(LLOYD_STEPS):
        distance = (centres**2).sum(axis=1) - 2.0 * points @ centres.T
        new = on_grid(distance).argmin(axis=1)
        if (new == labels).all():
            break
        labels = new
        members = np.eye(len(centres))[labels]
        count = members.sum(axis=0)[:, None]
        # A centre that lost all its points stays where it is.
        centres = np.where(
            count > 0, (members.T @ points) / np.maximum(count, 1), centres
        )
    loss = ((points - centres[labels]) ** 2).sum()
    return labels, float(loss)


def _component(
    points: FloatArray, uncertainty: FloatArray, whole: FloatArray, m: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return mean, loadings and own variances of a cluster's points."""
    d = len(whole)
    if len(points):
        mean = points.mean(axis=0)
        centred = points - mean
        # d points of the whole keep the covariance of a small cluster proper.
        total = centred.T @ centred + len(points) * uncertainty + whole
        covariance = total / (len(points) + 1.0)
    else:
        mean, covariance = np.zeros(d), whole
    values, axes = np.linalg.eigh(covariance)
    rest = values[: d - m].mean() if d > m else 0.5 * values[0]
    loadings = axes[:, ::-1][:, :m] * np.sqrt(np.maximum(values[::-1][:m] - rest, 0.0))
    own = np.diagonal(covariance) - (loadings**2).sum(axis=1)
    return mean, loadings, np.maximum(own, LEAST_SPREAD)


def _layer(
    found: Sequence[tuple[FloatArray, FloatArray, FloatArray]],
    count: IntArray,
    priors: Priors,
) -> Layer:
    means, loadings, own = (np.stack(part) for part in zip(*found, strict=True))
    k, d, m = loadings.shape
    members = count.astype(np.float64)
    shape = 0.5 * (members + 1.0)
    layer_mean = np.concatenate([means[:, :, None], loadings], axis=2)
    return Layer(
        mean=layer_mean,
        covariance=np.tile(ROW_VARIANCE * np.eye(1 + m), (k, d, 1, 1)),
        spread_shape=shape,
        spread_scale=shape[:, None] * own,
        spread_mixing=1.0 / own + priors.spread_scale**-2,
        mean_mixing=0.5 + 0.5 * means**2 / priors.mean_scale,
        local_rate=np.ones((k, d, m)),
        local_mixing=np.full((k, d, m), 2.0),
        global_scale=np.full(k, 0.5 * (d * m + 1)),
        global_mixing=np.full(k, 1.0 + priors.loading_scale**-2),
        weights=priors.concentration + members,
    )


def _scores(
    points: FloatArray,
    labels: IntArray,
    found: Sequence[tuple[FloatArray, FloatArray, FloatArray]],
) -> tuple[FloatArray, FloatArray]:
    """Return the factor scores of all points and their average covariance."""
    m = found[0][1].shape[1]
    scores, uncertainty = np.zeros((len(points), m)), np.zeros((m, m))
    for label, (mean, loadings, own) in enumerate(found):
        members = labels == label
        scaled = loadings / own[:, None]
        cov = np.linalg.inv(np.eye(m) + loadings.T @ scaled)
        scores[members] = (points[members] - mean) @ scaled @ cov
        uncertainty += members.mean() * cov
    return scores, uncertainty
