"""Learners of probabilities and rates, seen on the scale of the linear predictor."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.special import logit
from sklearn.base import BaseEstimator, clone, is_classifier

from flexcv.arrays import FloatArray

RAREST = 0.005  # share that stands for a probability of zero
SLOWEST = 1e-3  # rate, relative to the average, that stands for zero
LOSS_NAMES = ("loss", "criterion", "objective")


class OnLinkScale(BaseEstimator):  # type: ignore[misc]
    """A classifier that predicts logits, or a learner of rates that predicts logs.

    Parameters
    ----------
    learner
        A classifier of labels 0 and 1 with probabilities, or a regressor whose
        predictions are rates.
    """

    def __init__(self, learner: Any) -> None:
        self.learner = learner

    @property
    def steps(self) -> list[tuple[str, Any]]:
        """The learner as the only step, as a pipeline would show it."""
        return [("learner", getattr(self, "learner_", self.learner))]

    def fit(self, X: Any, y: FloatArray, **fit_params: Any) -> Self:
        """Fit the learner."""
        target = y.astype(int) if is_classifier(self.learner) else y
        self.slowest_ = SLOWEST * float(np.mean(y))
        self.learner_ = clone(self.learner).fit(X, target, **fit_params)
        return self

    def predict(self, X: Any) -> FloatArray:
        """Return logits of label 1, or logarithms of rates."""
        if is_classifier(self.learner):
            return self.as_predicted(self.learner_.predict_proba(X), self.learner_)
        return self.as_predicted(self.learner_.predict(X), self.learner_)

    def as_predicted(self, values: Any, fitted: Any) -> FloatArray:
        """Return what the learner, or a part of it, predicted on the link's scale.

        Parameters
        ----------
        values
            Rates of shape (n_rows,), or probabilities of shape (n_rows, n_classes);
            NaN stays.
        fitted
            The part that predicted them.
        """
        values = np.asarray(values, dtype=np.float64)
        if values.ndim == 1:
            return np.asarray(np.log(np.maximum(values, self.slowest_)))
        share = values[:, 1] if values.shape[1] > 1 else _only_class(values, fitted)
        return np.asarray(logit(np.clip(share, RAREST, 1.0 - RAREST)))


def learns_rates(learner: Any) -> bool:
    """Return whether a regressor predicts rates: by Poisson's loss, or as averages.

    A tree or a forest predicts averages of targets, which are no rates below zero.

    Examples
    --------
    >>> from sklearn.ensemble import HistGradientBoostingRegressor
    >>> learns_rates(HistGradientBoostingRegressor(loss="poisson"))
    True
    >>> learns_rates(HistGradientBoostingRegressor())
    False
    """
    params = _innermost(learner).get_params(deep=False)
    averages = "criterion" in params and "loss" not in params
    return averages or has_poisson_loss(learner)


def has_poisson_loss(learner: Any) -> bool:
    """Return whether a learner's own loss is Poisson's, which takes counts only.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression, PoissonRegressor
    >>> has_poisson_loss(PoissonRegressor()), has_poisson_loss(LinearRegression())
    (True, False)
    """
    inner = _innermost(learner)
    params = inner.get_params(deep=False)
    named = any("poisson" in str(params.get(name, "")) for name in LOSS_NAMES)
    return named or type(inner).__name__.startswith("Poisson")


def _innermost(learner: Any) -> Any:
    while hasattr(learner, "steps"):
        learner = learner.steps[-1][1]
    return learner


def _only_class(shares: FloatArray, fitted: Any) -> FloatArray:
    """Return the probability of label 1 where training showed one label."""
    return shares[:, 0] * float(fitted.classes_[0] == 1)
