"""Probabilities of the binomial links and their logarithms, with three derivatives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import expit, log_ndtr, ndtr

from flexcv.arrays import FloatArray

BIGGEST = 300.0  # exp() beyond it leaves no room for squares

LogTerms = tuple[FloatArray, FloatArray, FloatArray, FloatArray]
LogBoth = Callable[[FloatArray], tuple[LogTerms, LogTerms]]


def bounded_exp(eta: FloatArray) -> FloatArray:
    """Return exp, held where its square still is a number."""
    return np.exp(np.minimum(eta, BIGGEST))


def logistic_terms(hits: FloatArray, trials: FloatArray, eta: FloatArray) -> LogTerms:
    """Return log-likelihood, score, information and its slope of the logit link.

    All of it from one exponential and in one block of memory: this is the inner loop
    of most fits.
    """
    made = np.empty((4, len(eta)))
    loglik, score, information, slope = made
    np.abs(eta, out=information)
    np.negative(information, out=information)
    np.exp(information, out=information)
    total = information + 1.0
    slope[:] = 1.0
    np.copyto(slope, information, where=eta < 0.0)
    slope /= total  # p, for now
    information /= total
    information /= total
    information *= trials
    np.log(total, out=total)
    total += np.maximum(eta, 0.0)
    total *= trials
    np.multiply(hits, eta, out=loglik)
    loglik -= total
    np.multiply(trials, slope, out=score)
    np.subtract(hits, score, out=score)
    slope *= -2.0
    slope += 1.0
    slope *= information
    return loglik, score, information, slope


def _log_logistic(eta: FloatArray) -> LogTerms:
    """Return log p of the logit link and three derivatives."""
    miss = expit(-eta)
    second = -miss * (1.0 - miss)
    return -np.logaddexp(0.0, -eta), miss, second, second * (2.0 * miss - 1.0)


def _log_normal(eta: FloatArray) -> LogTerms:
    """Return log Phi(eta) and three derivatives."""
    value = log_ndtr(eta)
    ratio = np.exp(-0.5 * eta**2 - 0.5 * np.log(2.0 * np.pi) - value)
    second = -ratio * (eta + ratio)
    third = -second * (eta + ratio) - ratio * (1.0 + second)
    return value, ratio, second, third


def _mirrored(log_terms: Callable[[FloatArray], LogTerms]) -> LogBoth:
    """Return log p and log (1 - p) of a symmetric link, each with derivatives."""

    def both(eta: FloatArray) -> tuple[LogTerms, LogTerms]:
        value, first, second, third = log_terms(-eta)
        return log_terms(eta), (value, -first, second, -third)

    return both


def _log_extreme(eta: FloatArray) -> tuple[LogTerms, LogTerms]:
    """Return log p and log (1 - p) of the complementary log-log link."""
    hazard = bounded_exp(eta)
    failure = (-hazard, -hazard, -hazard, -hazard)
    # h / (e^h - 1) tends to 1 with h.
    small = hazard < 1e-8
    safe = np.where(small, 1.0, np.minimum(hazard, BIGGEST))
    ratio = np.where(small, 1.0 - 0.5 * hazard, safe / np.expm1(safe))
    gain = 1.0 - hazard - ratio
    second = ratio * gain
    # gain' = -h - ratio * gain
    third = second * gain + ratio * (-hazard - second)
    value = np.where(small, eta - 0.5 * hazard, np.log(-np.expm1(-safe)))
    return (value, ratio, second, third), failure


PROBABILITIES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "logit": expit,
    "probit": ndtr,
    "cloglog": lambda eta: -np.expm1(-bounded_exp(eta)),
}
LOG_PROBABILITIES: dict[str, LogBoth] = {
    "logit": _mirrored(_log_logistic),
    "probit": _mirrored(_log_normal),
    "cloglog": _log_extreme,
}
