"""Between which values a score lies, so that no interval around it passes them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import sklearn.metrics as skm

from . import classes

FREE = (-np.inf, np.inf)
SHARE = (0.0, 1.0)
CORRELATION = (-1.0, 1.0)
ERROR = (0.0, np.inf)
EXPLAINED = (-np.inf, 1.0)

LIMITS: dict[Callable[..., Any], tuple[float, float]] = {
    **dict.fromkeys(
        (
            skm.accuracy_score,
            skm.average_precision_score,
            skm.balanced_accuracy_score,
            skm.f1_score,
            skm.jaccard_score,
            skm.precision_score,
            skm.recall_score,
            skm.roc_auc_score,
            skm.top_k_accuracy_score,
            classes.accuracy,
            classes.balanced_accuracy,
            classes.error_rate,
            classes.roc_auc,
            classes.roc_auc_ovr,
        ),
        SHARE,
    ),
    **dict.fromkeys((skm.cohen_kappa_score, skm.matthews_corrcoef), CORRELATION),
    **dict.fromkeys(
        (
            skm.brier_score_loss,
            skm.log_loss,
            skm.max_error,
            skm.mean_absolute_error,
            skm.mean_absolute_percentage_error,
            skm.mean_gamma_deviance,
            skm.mean_pinball_loss,
            skm.mean_poisson_deviance,
            skm.mean_squared_error,
            skm.mean_squared_log_error,
            skm.median_absolute_error,
            skm.root_mean_squared_error,
            skm.root_mean_squared_log_error,
            classes.brier,
            classes.log_loss,
        ),
        ERROR,
    ),
    **dict.fromkeys(
        (skm.d2_absolute_error_score, skm.explained_variance_score, skm.r2_score),
        EXPLAINED,
    ),
}


def limits_of(function: Any) -> tuple[float, float]:
    """Return the least and the greatest value of a metric's function.

    Parameters
    ----------
    function
        One of scikit-learn's or of `flexcv.metrics`, or with arguments filled in; it
        may say its own `limits`. Of any other one nothing is known.

    Examples
    --------
    >>> limits_of(skm.f1_score), limits_of(skm.r2_score)
    ((0.0, 1.0), (-inf, 1.0))
    >>> limits_of(lambda y_true, y_pred: 0.0)
    (-inf, inf)
    """
    if isinstance(function, functools.partial):
        return limits_of(function.func)
    own = getattr(function, "limits", None)
    if own is not None:
        least, greatest = own
        return float(least), float(greatest)
    try:
        return LIMITS.get(function, FREE)
    except TypeError:  # not hashable, so none of ours
        return FREE
