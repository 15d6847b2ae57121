"""What a deep mixture of linear mixed models knows of its parameters.

The model, for subjects i with spline design X and layers l = 1..L::

    y_i = W_i beta + X_i z_i + e_i,          e_i ~ N(0, sigma^2 I)
    z^(l-1) | z^(l), k ~ N(mu_k + B_k z^(l), diag(delta_k)),   P(k) = w_k
    z^(L) ~ N(0, I)

Kock, Klein & Nott (2023), *Deep mixture of linear mixed models for complex
longitudinal data*, arXiv:2311.07156. Every factor of the variational distribution has
a closed form: normal for a row (mu_kj, B_kj), inverse gamma for variances, gamma for
the horseshoe's local scales, Dirichlet for the weights. beta is a point estimate.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import digamma

from flexcv.arrays import FloatArray, IntArray

from .gate import Gate


@dataclass(frozen=True, slots=True)
class Priors:
    """Scales of the priors, for a target and columns of unit variance.

    Attributes
    ----------
    concentration
        Parameter of the weights' Dirichlet prior; below one, spare components empty.
    mean_scale
        Means are Cauchy with scale ``sqrt(mean_scale)``.
    loading_scale
        Scale of the half-Cauchy prior of the loadings' global deviation.
    spread_scale
        Scale of the half-Cauchy prior of the layers' own deviations.
    noise_scale
        Scale of the half-Cauchy prior of the residual deviation.
    membership_scale
        Standard deviation of the normal prior of membership's coefficients.
    """

    concentration: float = 0.5
    mean_scale: float = 0.5
    loading_scale: float = 1.0
    spread_scale: float = 2.5
    noise_scale: float = 1.0
    membership_scale: float = 2.5


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """The variational factors of one layer: k components of d rows and m factors.

    Attributes
    ----------
    mean, covariance
        Of each row (mu, B), shapes (k, d, 1 + m) and (k, d, 1 + m, 1 + m).
    spread_shape, spread_scale
        Inverse gamma of delta, shapes (k,) and (k, d).
    spread_mixing
        Scale of the inverse gamma of delta's mixing variable, shape (k, d).
    mean_mixing
        Scale of the inverse gamma of the means' mixing variable, shape (k, d).
    local_rate, local_mixing
        Rates of the gammas of a loading's local precision, shape (k, d, m).
    global_scale, global_mixing
        Scales of the inverse gammas of the loadings' global variance, shape (k,).
    weights
        Parameters of the Dirichlet, shape (k,).
    """

    mean: FloatArray
    covariance: FloatArray
    spread_shape: FloatArray
    spread_scale: FloatArray
    spread_mixing: FloatArray
    mean_mixing: FloatArray
    local_rate: FloatArray
    local_mixing: FloatArray
    global_scale: FloatArray
    global_mixing: FloatArray
    weights: FloatArray

    @property
    def n_components(self) -> int:
        """How many components the layer has."""
        return len(self.weights)

    @property
    def spread_precision(self) -> FloatArray:
        """E 1 / delta."""
        return self.spread_shape[:, None] / self.spread_scale

    @property
    def log_spread(self) -> FloatArray:
        """E log delta."""
        return np.asarray(
            np.log(self.spread_scale) - digamma(self.spread_shape)[:, None]
        )

    @property
    def log_weights(self) -> FloatArray:
        """E log w."""
        return np.asarray(digamma(self.weights) - digamma(self.weights.sum()))

    @property
    def second_moment(self) -> FloatArray:
        """E of the square of each entry of (mu, B)."""
        return self.mean**2 + np.diagonal(self.covariance, axis1=2, axis2=3)

    @property
    def global_shape(self) -> float:
        """Shape of the inverse gamma of the global variance."""
        d, width = self.mean.shape[1:]
        return 0.5 * float(d * (width - 1) + 1)

    @property
    def global_precision(self) -> FloatArray:
        """E of the inverse of the loadings' global variance."""
        return self.global_shape / self.global_scale

    def take(self, kept: IntArray) -> Layer:
        """Keep the given components, in the given order."""
        fields = {name: getattr(self, name)[kept] for name in Layer.__slots__}
        return Layer(**fields)


@dataclass(frozen=True, slots=True, eq=False)
class Parameters:
    """Everything that is learned, except what belongs to a single subject.

    Attributes
    ----------
    layers
        From the one next to the data to the deepest.
    noise_shape, noise_scale, noise_mixing
        Inverse gamma of sigma^2, and the scale of that of its mixing variable.
    fixed
        beta.
    shrinks
        Whether the loadings have their horseshoe prior; a standard normal one else.
    gate
        What predicts a subject's component of the first layer; None where the weights
        are the same for all subjects.
    """

    layers: tuple[Layer, ...]
    noise_shape: float
    noise_scale: float
    noise_mixing: float
    fixed: FloatArray
    shrinks: bool = True
    gate: Gate | None = None

    @property
    def noise_precision(self) -> float:
        """E 1 / sigma^2."""
        return self.noise_shape / self.noise_scale

    @property
    def log_noise(self) -> float:
        """E log sigma^2."""
        return float(np.log(self.noise_scale) - digamma(self.noise_shape))

    @property
    def n_components(self) -> tuple[int, ...]:
        """Components of each layer."""
        return tuple(layer.n_components for layer in self.layers)

    @property
    def n_paths(self) -> int:
        """In how many ways one component of each layer can be chosen."""
        return int(np.prod(self.n_components))

    def take(self, layer: int, kept: IntArray) -> Parameters:
        """Keep the given components of a layer, in the given order."""
        layers = list(self.layers)
        layers[layer] = layers[layer].take(kept)
        gate = self.gate
        if layer == 0 and gate is not None:
            gate = gate.take(kept)
        return replace(self, layers=tuple(layers), gate=gate)

    def per_path(self, values: FloatArray) -> FloatArray:
        """Repeat the last axis, the first layer's components, path by path."""
        deeper = self.n_paths // self.n_components[0]
        return np.repeat(values, deeper, axis=-1)


def path_table(n_components: tuple[int, ...]) -> IntArray:
    """Return the component of each layer for each path, the first layer slowest.

    Examples
    --------
    >>> path_table((2, 2)).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]
    """
    return np.stack(np.unravel_index(np.arange(np.prod(n_components)), n_components), 1)


def path_gaussians(
    parameters: Parameters,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return weight, mean and covariance of the coefficients on each path.

    The variances within a layer enter by 1 / E(1 / delta), all else by its mean.

    Returns
    -------
    Shapes (paths,), (paths, d) and (paths, d, d).
    """
    top = parameters.layers[-1].mean.shape[2] - 1
    weight, mean, cov = np.ones(1), np.zeros((1, top)), np.eye(top)[None]
    for layer in reversed(parameters.layers):
        loadings = layer.mean[:, None, :, 1:]
        share = layer.weights / layer.weights.sum()
        centre = layer.mean[:, None, :, 0] + (loadings @ mean[..., None])[..., 0]
        spread = loadings @ cov @ loadings.swapaxes(-1, -2)
        own = (1.0 / layer.spread_precision)[:, None, :, None] * np.eye(
            loadings.shape[2]
        )
        weight = (share[:, None] * weight).reshape(-1)
        mean = centre.reshape(len(weight), -1)
        cov = (spread + own).reshape(len(weight), *own.shape[2:])
    return weight, mean, cov
