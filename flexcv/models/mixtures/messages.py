"""What the layers say about a subject's coefficients, and what the subjects answer.

Given the parameters' expectations, a path (one component of each layer) is a Gaussian
chain. Its deeper part is integrated out from the top: what is left is a quadratic
function of the coefficients, the same for all subjects. With a subject's sums it is
the exact local factor over paths and layers: nothing is factorised within a subject.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from flexcv.arrays import FloatArray

from .parameters import Layer, Parameters
from .sums import SubjectSums

LOG_2PI = float(np.log(2.0 * np.pi))
CHUNK_NUMBERS = 2_000_000  # entries of the coefficients' covariances held at a time


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """How z^(l) follows from z^(l-1) on each path suffix: N(slope z + shift, cov).

    Attributes
    ----------
    slope, shift, covariance
        Shapes (s, m, d), (s, m) and (s, m, m) for s suffixes.
    """

    slope: FloatArray
    shift: FloatArray
    covariance: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Messages:
    """The layers' quadratic function of the coefficients z on each path.

    It is constant + linear'z - z'precision z / 2.

    Attributes
    ----------
    precision, linear, constant
        Shapes (paths, d, d), (paths, d) and (paths,).
    passages
        One per layer, from the one next to the data to the deepest.
    """

    precision: FloatArray
    linear: FloatArray
    constant: FloatArray
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Local:
    """The local factor of some subjects.

    Attributes
    ----------
    share
        Probability of each path, shape (n, paths).
    mean, covariance
        Of the coefficients on each path, shapes (n, paths, d) and (n, paths, d, d).
    evidence
        Each subject's part of the bound, shape (n,).
    """

    share: FloatArray
    mean: FloatArray
    covariance: FloatArray
    evidence: FloatArray

    def component_share(self, k: int) -> FloatArray:
        """Return the probability of each of the first layer's k components, (n, k)."""
        return np.asarray(self.share.reshape(len(self.share), k, -1).sum(axis=2))


def messages(parameters: Parameters) -> Messages:
    """Integrate the layers out, from the deepest to the one next to the data."""
    top = parameters.layers[-1].mean.shape[2] - 1
    precision, linear = np.eye(top)[None], np.zeros((1, top))
    constant = np.full(1, -0.5 * top * LOG_2PI)
    passages: list[Passage] = []
    for layer in reversed(parameters.layers):
        precision, linear, constant, passage = _one_layer(
            layer, precision, linear, constant
        )
        passages.append(passage)
    if parameters.gate is not None:  # each subject has weights of its own there
        constant = constant - parameters.per_path(parameters.layers[0].log_weights)
    return Messages(precision, linear, constant, tuple(reversed(passages)))


def _one_layer(
    layer: Layer, precision: FloatArray, linear: FloatArray, constant: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, Passage]:
    """Carry the message about z^(l) to z^(l-1), for each component and suffix."""
    inverse, t, omega = layer.spread_precision, layer.mean, expected_square(layer)
    inner = omega[:, None, 1:, 1:] + precision
    pull = linear - omega[:, None, 1:, 0]
    cov = np.asarray(np.linalg.inv(inner), dtype=np.float64)
    weighted = (inverse[:, :, None] * t[:, :, 1:])[:, None]  # D T_z
    slope = cov @ weighted.swapaxes(-1, -2)
    shift = (cov @ pull[..., None])[..., 0]
    own = np.eye(t.shape[1]) * inverse[:, None, :, None]
    centre = (inverse * t[:, :, 0])[:, None] + (weighted @ shift[..., None])[..., 0]
    volume = cov.shape[-1] * LOG_2PI - np.linalg.slogdet(inner)[1]
    value = constant + _component_constant(layer, omega)[:, None]
    value = value + 0.5 * ((pull * shift).sum(axis=-1) + volume)
    n = value.size
    passage = Passage(_flat(slope, n), _flat(shift, n), _flat(cov, n))
    return _flat(own - weighted @ slope, n), _flat(centre, n), value.ravel(), passage


def _component_constant(layer: Layer, omega: FloatArray) -> FloatArray:
    """Return what each component adds to the constant, whatever lies deeper."""
    spread = (LOG_2PI + layer.log_spread).sum(axis=1)
    return np.asarray(layer.log_weights - 0.5 * (omega[:, 0, 0] + spread))


def _flat(values: FloatArray, n_paths: int) -> FloatArray:
    """Put the components and their suffixes on one axis."""
    return values.reshape(n_paths, *values.shape[2:])


def expected_square(layer: Layer) -> FloatArray:
    """Return E of the sum over rows of (mu, B)(mu, B)' / delta, shape (k, 1+m, 1+m)."""
    inverse = layer.spread_precision
    square = np.einsum("kj,kja,kjb->kab", inverse, layer.mean, layer.mean)
    return np.asarray(square + np.einsum("kj,kjab->kab", inverse, layer.covariance))


def local_factor(sums: SubjectSums, told: Messages, parameters: Parameters) -> Local:
    """Return the exact local factor of subjects whose fixed part is taken out."""
    t = parameters.noise_precision
    precision = told.precision + t * sums.gram[:, None]
    pull = told.linear + t * sums.cross[:, None]
    covariance = np.asarray(np.linalg.inv(precision), dtype=np.float64)
    mean = (covariance @ pull[..., None])[..., 0]
    log_share = told.constant + 0.5 * (pull * mean).sum(axis=-1)
    log_share += 0.5 * (pull.shape[-1] * LOG_2PI - np.linalg.slogdet(precision)[1])
    if parameters.gate is not None:
        log_share += parameters.per_path(parameters.gate.log_share(sums.features))
    rows = t * sums.square + sums.sizes * (LOG_2PI + parameters.log_noise)
    largest = log_share.max(axis=1)
    share = np.exp(log_share - largest[:, None])
    total = share.sum(axis=1)
    evidence = largest + np.log(total) - 0.5 * rows
    return Local(share / total[:, None], mean, covariance, evidence)


def chunks(n_subjects: int, n_paths: int, d: int) -> Iterator[slice]:
    """Return slices of subjects whose local factors fit into memory together."""
    step = max(1, CHUNK_NUMBERS // (n_paths * d * d))
    for start in range(0, n_subjects, step):
        yield slice(start, min(start + step, n_subjects))
