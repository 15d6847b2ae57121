"""Learners that grow trees, on a scale of the target that suits their arithmetic."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, clone

from flexcv._rounding import on_grid
from flexcv.arrays import FloatArray

from .out_of_sample import last_step

SMALLEST_SPREAD = 1e-3  # scikit-learn's trees take a variance of 1e-16 for none
FARTHEST_MEAN = 1e3  # spreads; beyond, sums of squares lose digits to the mean
GROWTH = ("max_depth", "max_leaf_nodes", "num_leaves")  # only trees have such settings
IN_UNITS_OF_THE_TARGET = (
    "base_score",
    "ccp_alpha",
    "gamma",
    "init",
    "lambda_l1",
    "min_gain_to_split",
    "min_impurity_decrease",
    "min_split_gain",
    "reg_alpha",
)


class OnTargetScale(BaseEstimator):  # type: ignore[misc]
    """A learner that is fitted to a standardised target and predicts in its units.

    Parameters
    ----------
    learner
        A regressor to which the target's scale makes no difference but for rounding.
    centre, spread
        What is taken from the target, and what it is divided by.
    """

    def __init__(self, learner: Any, centre: float, spread: float) -> None:
        self.learner = learner
        self.centre = centre
        self.spread = spread

    @property
    def steps(self) -> list[tuple[str, Any]]:
        """The learner as the only step, as a pipeline would show it."""
        return [("learner", getattr(self, "learner_", self.learner))]

    @steps.setter
    def steps(self, steps: list[tuple[str, Any]]) -> None:
        self.next_ = steps[-1][1]  # a forest that goes on

    def fit(self, X: Any, y: FloatArray, **fit_params: Any) -> Self:
        """Fit the learner to the standardised target."""
        learner = self.__dict__.pop("next_", None)
        learner = clone(self.learner) if learner is None else learner
        target = on_grid((y - self.centre) / self.spread)
        self.learner_ = learner.fit(X, target, **fit_params)
        return self

    def predict(self, X: Any) -> FloatArray:
        """Predict in the target's units."""
        return self.as_predicted(self.learner_.predict(X))

    def as_predicted(self, values: Any, fitted: Any = None) -> FloatArray:  # noqa: ARG002
        """Return what the learner, or a part of it, predicted in the target's units."""
        return np.asarray(self.centre + self.spread * np.asarray(values))


def on_target_scale(learner: Any, target: FloatArray) -> Any:
    """Wrap a learner that grows trees where its arithmetic would lose the target.

    Other learners keep the target's units, in which their settings may be measured,
    as those of the lasso are; so do trees with such a setting.

    Parameters
    ----------
    learner
        The regressor.
    target
        What it is fitted to at first.

    Examples
    --------
    >>> from sklearn.linear_model import Lasso
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> y = 1e-8 * np.arange(5.0)
    >>> type(on_target_scale(DecisionTreeRegressor(), y)).__name__
    'OnTargetScale'
    >>> on_target_scale(DecisionTreeRegressor(), y + 1.0 + 1e8 * y)
    DecisionTreeRegressor()
    >>> on_target_scale(Lasso(), y)
    Lasso()
    """
    centre, spread = float(target.mean()), float(target.std())
    is_near = abs(centre) <= FARTHEST_MEAN * spread and spread >= SMALLEST_SPREAD
    if is_near or not np.isfinite(spread) or spread == 0.0:
        return learner
    return OnTargetScale(learner, centre, spread) if _is_free(learner) else learner


def _is_free(learner: Any) -> bool:
    """Return whether trees are all that is grown, by settings without a unit."""
    tree = last_step(learner)
    settings = tree.get_params(deep=True)
    member = settings.get("estimator")
    own = settings if member is None else member.get_params(deep=False)
    grows = any(name in own for name in GROWTH)
    # scikit-learn writes "no limit" as 0, None, or a base tree left open.
    return grows and not any(settings.get(name) for name in IN_UNITS_OF_THE_TARGET)
