"""How a row's log-likelihood and its derivatives change with the dispersion."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import digamma, expit

from flexcv.arrays import FloatArray

from ._probabilities import bounded_exp


class DispersionTerms(NamedTuple):
    """Derivatives in the logarithm of the dispersion, of shape (n_rows,)."""

    loglik: FloatArray
    score: FloatArray
    information: FloatArray


def _gamma(
    y: FloatArray, eta: FloatArray, weights: FloatArray, dispersion: float
) -> DispersionTerms:
    shape = 1.0 / dispersion
    ratio = y * bounded_exp(-eta)
    slope = np.log(shape) + 1.0 + np.log(y) - eta - ratio - digamma(shape)
    scaled = weights * shape
    return DispersionTerms(-scaled * slope, -scaled * (ratio - 1.0), -scaled * ratio)


def _negative_binomial(
    y: FloatArray, eta: FloatArray, weights: FloatArray, dispersion: float
) -> DispersionTerms:
    size = dispersion
    share = expit(eta - np.log(size))
    spread = share * (1.0 - share)
    ways = size * (digamma(y + size) - digamma(size)) - y
    ways -= size * np.logaddexp(0.0, eta - np.log(size))
    loglik = ways + (y + size) * share
    score = (y + size) * spread - size * share
    information = size * spread - (y + size) * spread * (1.0 - 2.0 * share)
    return DispersionTerms(weights * loglik, weights * score, weights * information)


DISPERSION_TERMS: dict[
    str, Callable[[FloatArray, FloatArray, FloatArray, float], DispersionTerms]
] = {"gamma": _gamma, "negative_binomial": _negative_binomial}
