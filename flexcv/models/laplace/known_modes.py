"""The modes of the effects given some known rows of labels, counts or amounts."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from flexcv.arrays import FloatArray
from flexcv.models.gaussian.known_rows import solved

from .families import Family
from .group_modes import AT_MODE, HALVINGS, MAX_STEPS


def conditional_mode(
    family: Family,
    y: FloatArray,
    eta: FloatArray,
    loads: csr_array,
    weights: FloatArray,
    dispersion: float = 1.0,
) -> FloatArray:
    r"""Return the u at which the joint density of known rows and effects is largest.

    It maximises :math:`\sum_i \ell(y_i, \eta_i + k_i'u) - |u|^2 / 2` by damped Newton
    steps, as training finds the modes of its levels.

    Parameters
    ----------
    family
        Response distribution and link.
    y, weights
        Outcome and weights (trials of the binomial family) of the known rows.
    eta
        Their linear predictor before they are known.
    loads
        K, from `flexcv.models.gaussian.known_rows.effect_loads`.
    dispersion
        Of families that have one.

    Examples
    --------
    >>> from flexcv.models.laplace.families import Binomial
    >>> one = np.ones(2)
    >>> loads = csr_array([[1.0], [1.0]])
    >>> conditional_mode(Binomial(), one, 0 * one, loads, one).round(3)
    array([0.675])
    """
    u = np.zeros(loads.shape[1])
    if not len(u):
        return u
    terms = family.kernel(y, eta, weights, dispersion)
    value = float(terms.loglik.sum())
    for _ in range(MAX_STEPS):
        gradient = loads.T @ terms.score - u
        step = solved(loads, terms.information, gradient)
        if float(gradient @ step) <= AT_MODE:
            break
        lowest = value - 1e-10 * (1.0 + abs(value))
        for length in 0.5 ** np.arange(HALVINGS):
            moved = u + length * step
            terms = family.kernel(y, eta + loads @ moved, weights, dispersion)
            value = float(terms.loglik.sum()) - 0.5 * float(moved @ moved)
            if value >= lowest:
                break
        u = moved
    return u
