"""What a fitted mixture says of curves at given times: moments, quantiles, draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from flexcv.arrays import FloatArray, IntArray

from .messages import LOG_2PI, Local, Messages, local_factor
from .parameters import Parameters, path_gaussians
from .sums import SubjectSums

BISECTIONS = 60
REACH = 10.0  # standard deviations around each part in which quantiles are looked for
BLOCK_NUMBERS = 5_000_000


@dataclass(frozen=True, slots=True, eq=False)
class RowMixture:
    """A mixture of normals for each row.

    Attributes
    ----------
    share, mean, variance
        Shape (rows, paths).
    """

    share: FloatArray
    mean: FloatArray
    variance: FloatArray

    def expectation(self) -> FloatArray:
        """Return the mean of each row."""
        return np.asarray((self.share * self.mean).sum(axis=1))

    def quantiles(self, probabilities: FloatArray) -> FloatArray:
        """Return quantiles by bisection, shape (rows, probabilities)."""
        sd = np.sqrt(self.variance)
        low = (self.mean - REACH * sd).min(axis=1, keepdims=True)
        high = (self.mean + REACH * sd).max(axis=1, keepdims=True)
        low = np.repeat(low, len(probabilities), axis=1)
        high = np.repeat(high, len(probabilities), axis=1)
        safe = np.where(sd > 0.0, sd, 1.0)
        for _ in range(BISECTIONS):
            middle = 0.5 * (low + high)
            z = (middle[:, :, None] - self.mean[:, None]) / safe[:, None]
            below = (self.share[:, None] * ndtr(z)).sum(axis=2)
            left = below < probabilities
            low, high = np.where(left, middle, low), np.where(left, high, middle)
        return np.asarray(0.5 * (low + high))


def population_messages(parameters: Parameters) -> Messages:
    """Return the mixture of the population's coefficients as messages.

    For subjects that training did not show; without the weights of the first layer
    where these differ from subject to subject.
    """
    weight, mean, covariance = path_gaussians(parameters)
    if parameters.gate is not None:
        first = parameters.layers[0].weights
        weight = weight / parameters.per_path(first / first.sum())
    precision = np.asarray(np.linalg.inv(covariance), dtype=np.float64)
    linear = (precision @ mean[..., None])[..., 0]
    constant = np.log(weight) - 0.5 * (mean * linear).sum(axis=1)
    constant -= 0.5 * (mean.shape[1] * LOG_2PI + np.linalg.slogdet(covariance)[1])
    return Messages(precision, linear, constant, ())


def row_mixture(
    design: FloatArray, local: Local, subjects: IntArray, noise: float = 0.0
) -> RowMixture:
    """Return the mixture of x'z (+ e) for each row.

    Parameters
    ----------
    design
        x of each row, shape (rows, d).
    local
        Of the subjects.
    subjects
        Position of each row's subject in `local`.
    noise
        Residual variance to add.
    """
    n_paths, d = local.mean.shape[1:]
    mean, variance = np.empty((len(design), n_paths)), np.empty((len(design), n_paths))
    step = max(1, BLOCK_NUMBERS // (n_paths * d * d))
    for start in range(0, len(design), step):
        rows = slice(start, start + step)
        x, own = design[rows], subjects[rows]
        mean[rows] = (local.mean[own] @ x[:, :, None])[..., 0]
        spread = local.covariance[own] @ x[:, None, :, None]
        variance[rows] = (spread[..., 0] * x[:, None]).sum(axis=2)
    return RowMixture(local.share[subjects], mean, np.maximum(variance, 0.0) + noise)


def draw_coefficients(
    local: Local, subjects: IntArray, n_samples: int, generator: np.random.Generator
) -> FloatArray:
    """Draw coefficients of subjects, shape (samples, subjects, d)."""
    n_paths, d = local.mean.shape[1:]
    root = np.linalg.cholesky(local.covariance)
    edges = local.share.cumsum(axis=1)[subjects]
    uniform = generator.random((n_samples, len(subjects), 1))
    path = np.minimum((uniform > edges).sum(axis=2), n_paths - 1)
    normal = generator.normal(size=(n_samples, len(subjects), d, 1))
    own = np.broadcast_to(subjects, path.shape)
    return np.asarray(local.mean[own, path] + (root[own, path] @ normal)[..., 0])


def nobody(n_subjects: int, d: int, features: FloatArray | None = None) -> SubjectSums:
    """Return the sums of subjects without a row, of whom only features are known."""
    return SubjectSums(
        np.zeros((n_subjects, d, d)),
        np.zeros((n_subjects, d)),
        np.zeros(n_subjects),
        np.zeros(n_subjects),
        np.zeros((n_subjects, d, 0)),
        np.zeros((n_subjects, 0, 0)),
        np.zeros((n_subjects, 0)),
        np.zeros((n_subjects, 0)) if features is None else features,
    )


def joined(one: Local, other: Local) -> Local:
    """Put the subjects of two local factors one after the other."""
    return Local(
        *(
            np.concatenate([getattr(one, name), getattr(other, name)])
            for name in Local.__slots__
        )
    )


def posterior(
    known: SubjectSums, new: SubjectSums, told: Messages, parameters: Parameters
) -> Local:
    """Return the local factors of known and of new subjects, in this order.

    Known subjects have that of training, which allows for uncertain parameters; new
    ones have the population's mixture for a prior.
    """
    population = population_messages(parameters)
    return joined(
        local_factor(known, told, parameters),
        local_factor(new, population, parameters),
    )


def cluster_curves(
    parameters: Parameters, design: FloatArray, level: float
) -> list[tuple[float, FloatArray]]:
    """Return weight, mean and range of each first-layer component's curves.

    Parameters
    ----------
    parameters
        Of the fit.
    design
        Curve columns along the curve, shape (times, d).
    level
        Share of the curves that lie in the range at each time.

    Returns
    -------
    Per component the weight, and an array of mean, lower and upper.
    """
    weight, mean, covariance = path_gaussians(parameters)
    edges = np.array([0.5 - 0.5 * level, 0.5 + 0.5 * level])
    paths = np.arange(len(weight)).reshape(parameters.n_components[0], -1)
    whose = np.zeros(len(design), dtype=np.intp)
    found = []
    for own in paths:
        total = float(weight[own].sum())
        share = weight[own] / total
        local = Local(share[None], mean[None, own], covariance[None, own], share[:1])
        mixture = row_mixture(design, local, whose)
        values = np.column_stack([mixture.expectation(), mixture.quantiles(edges)])
        found.append((total, values))
    return found
