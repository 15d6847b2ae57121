"""The mean response of a group that nobody has seen."""

from __future__ import annotations

import numpy as np
from numpy.polynomial.hermite import hermgauss

from ._validate import FloatArray
from .families import Family

N_NODES = 20


def marginal_mean(
    family: Family, eta: FloatArray, variance: FloatArray, n_nodes: int = N_NODES
) -> FloatArray:
    r"""Give the mean over a normal random effect, :math:`E_b\,g^{-1}(\eta + b)`.

    For a new group this is the expected response; :math:`g^{-1}(\eta)` is that of a
    group whose effect happens to be zero. Logarithmic links have it in closed form.

    Parameters
    ----------
    family
        Response distribution and link.
    eta
        Linear predictor without random effects, shape (n_rows,).
    variance
        Variance of the random part of each row, shape (n_rows,).
    n_nodes
        Nodes of Gauss-Hermite quadrature.

    Examples
    --------
    >>> import numpy as np
    >>> from flexcv.models.families import Binomial
    >>> marginal_mean(Binomial("logit"), np.array([2.0]), np.array([4.0])).round(3)
    array([0.775])
    """
    if family.link == "log":
        return family.mean(eta + 0.5 * variance)
    nodes, weights = hermgauss(n_nodes)
    deviations = np.sqrt(2.0 * np.asarray(variance, dtype=float))
    total = np.zeros(len(eta))
    for node, weight in zip(nodes, weights, strict=True):
        total += weight * family.mean(eta + deviations * node)
    return np.asarray(total / np.sqrt(np.pi))
