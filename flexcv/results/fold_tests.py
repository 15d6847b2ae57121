"""Tests over folds, corrected for training sets that overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True, slots=True)
class CorrectedTest:
    """Hold a corrected resampled t-test: t, its degrees of freedom, p, and the scale.

    `scale` is the standard error of the mean difference.
    """

    mean: float
    scale: float
    df: int
    t: float
    p_value: float


def corrected_t_test(differences: Sequence[float], ratio: float) -> CorrectedTest:
    r"""Test whether two models score the same, over folds of overlapping training sets.

    Parameters
    ----------
    differences
        Difference of the scores in each of the J folds, all repeats together.
    ratio
        Test rows over training rows, :math:`n_2 / n_1`.

    Notes
    -----
    .. math:: t = \bar d \Big/ \sqrt{\Big(\frac1J + \frac{n_2}{n_1}\Big) s_d^2},
              \qquad J - 1 \text{ degrees of freedom}

    Nadeau, C., Bengio, Y. (2003). Inference for the generalization error. Machine
    Learning 52, 239-281: the corrected resampled t-test. With fewer than two folds all
    is NaN but the mean.

    Examples
    --------
    >>> test = corrected_t_test([0.1, 0.3, 0.2, 0.1, 0.3], ratio=0.25)
    >>> round(test.t, 3), test.df, round(test.p_value, 3)
    (2.981, 4, 0.041)
    """
    values = np.asarray(differences, dtype=float)
    df = len(values) - 1
    mean = float(values.mean()) if len(values) else np.nan
    if df < 1:
        return CorrectedTest(mean, np.nan, df, np.nan, np.nan)
    scale = float(np.sqrt((1.0 / len(values) + ratio) * values.var(ddof=1)))
    if scale == 0.0:
        t = 0.0 if mean == 0.0 else float(np.copysign(np.inf, mean))
    else:
        t = mean / scale
    return CorrectedTest(mean, scale, df, t, float(2.0 * stats.t.sf(abs(t), df)))


def practical_probabilities(
    test: CorrectedTest, rope: float
) -> tuple[float, float, float]:
    r"""Compute the probabilities of a difference above, within and below the rope.

    The posterior of the mean difference is a t distribution with the location, scale
    and degrees of freedom of the corrected test: the Bayesian correlated t-test with
    correlation :math:`\rho = n_2 / (n_1 + n_2)`.

    Parameters
    ----------
    test
        From `corrected_t_test`.
    rope
        Half the width of the region of practical equivalence around zero.

    Notes
    -----
    Benavoli, A., Corani, G., Demsar, J., Zaffalon, M. (2017). Time for a change: a
    tutorial for comparing multiple classifiers through Bayesian analysis. Journal of
    Machine Learning Research 18(77); there :math:`\rho / (1 - \rho)` stands for
    :math:`n_2 / n_1`.

    Examples
    --------
    >>> test = corrected_t_test([0.1, 0.3, 0.2, 0.1, 0.3], ratio=0.25)
    >>> [round(p, 3) for p in practical_probabilities(test, rope=0.01)]
    [0.976, 0.006, 0.018]
    """
    if np.isnan(test.scale):
        return np.nan, np.nan, np.nan
    if test.scale == 0.0:
        above, below = float(test.mean > rope), float(test.mean < -rope)
    else:
        posterior = stats.t(test.df, test.mean, test.scale)
        above, below = float(posterior.sf(rope)), float(posterior.cdf(-rope))
    return above, 1.0 - above - below, below
