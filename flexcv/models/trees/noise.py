r"""How much of the residual variance is noise, and how much the learner's own error.

Honest residuals :math:`r_o` hold noise and the learner's error, in-sample residuals
:math:`r_i` too little noise. Their product tells the noise alone: for a projection H
onto d columns :math:`r_i = (1 - h) r_o` in each row, so that
:math:`E\,r_i r_o = \sigma^2`; the degrees of freedom cancel without being known.
"""

from __future__ import annotations

import numpy as np

from flexcv.arrays import FloatArray
from flexcv.models.gaussian.conditional import Uncertainty
from flexcv.models.gaussian.residual_effects import (
    RandomColumns,
    ResidualEffects,
    average_part,
    weighted_design,
)

from .marginal_metric import normal_metric


def noise_variance(
    random: RandomColumns,
    state: ResidualEffects,
    uncertainty: Uncertainty,
    in_sample: FloatArray,
    honest: FloatArray,
    weights: FloatArray | None = None,
) -> float:
    r"""Return the variance of the noise alone.

    With random effects the product is taken in the metric :math:`P = \sigma^2 V^{-1}`
    at the honest variances. Where the noise is :math:`\tau^2` instead of
    :math:`\sigma^2`, :math:`E\,r_i'Pr_o = \sigma^2 n + (\tau^2 - \sigma^2)\,tr P`.

    Parameters
    ----------
    random
        The random columns of all rows.
    state
        What was found from the honest residuals.
    uncertainty
        What is unknown of its effects.
    in_sample, honest
        Residuals of both kinds.
    weights
        Precisions of the rows, whose noise is that of weight one over the weight.

    Examples
    --------
    A mean of n values leaves r_i = (1 - 1 / n) r_o, and no random effects:

    >>> from flexcv.models.design.columns import RandomDesign
    >>> from flexcv.models.gaussian.residual_effects import distinct_columns, no_effects
    >>> y = np.array([1.0, 2.0, 4.0, 5.0])
    >>> random = distinct_columns(RandomDesign((), 4), np.ones(4))
    >>> inside, outside = y - y.mean(), (y - y.mean()) / (1 - 1 / 4)
    >>> state = no_effects(random, outside)
    >>> noise = noise_variance(random, state, Uncertainty(()), inside, outside)
    >>> round(noise, 3), round(float(y.var(ddof=1)), 3)
    (3.333, 3.333)
    """
    n_rows, sigma2, design = len(honest), state.sigma2, random.design
    if len(design.factors) > 1 and uncertainty.joint is None:
        return np.nan
    metric = normal_metric(design, sigma2, state.covariances, weights)
    average = average_part(random.columns, state.average) if random.columns else 0.0
    known = uncertainty.variances(weighted_design(design, weights))
    trace = n_rows - float(known.sum()) / sigma2
    product = float((in_sample - average) @ metric.projected(honest - average))
    return max(sigma2 + (product - sigma2 * n_rows) / trace, 0.0)
