r"""What a learner is fitted to when the outcome is not a normal number.

With the linear predictor :math:`\eta = f(X) + o`, where o holds all that is not the
learner's (random effects and their averages), a learner finds f in one of two ways.

A regressor is fitted to the working response without o,
:math:`f + (y - \mu)\,d\eta/d\mu`, with the working weights of iterated least squares
(McCullagh & Nelder 1989, *Generalized Linear Models*, section 2.5; for trees Hajjem,
Larocque & Bellavance 2017, *Generalized mixed effects regression trees*, Stat. Prob.
Lett. 126). f and o must not know the row's own y: then the response is right on
average.

A classifier is fitted to the labels themselves. Rows of the second class weigh
:math:`e^{-o/2}` and rows of the first :math:`e^{o/2}`, so that the odds it learns are
those of o = 0: :math:`P(1)e^{-o/2} / P(0)e^{o/2} = e^{f}` in every row, exactly.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import has_fit_parameter

from ._link_scale import logits, second_column
from ._validate import FloatArray
from .families import Family
from .out_of_sample import last_step

STEEPEST = 5.0  # linear predictor beyond which no working response is taken
HEAVIEST = 8.0  # offset beyond which a classifier's weights do not grow


class Task(NamedTuple):
    """What a learner is fitted to.

    Attributes
    ----------
    target
        Numbers or labels, shape (n_rows,).
    weights
        A weight per row, with mean one; None weighs all rows alike.
    """

    target: FloatArray
    weights: FloatArray | None = None


def working_task(
    family: Family, y: FloatArray, fixed: FloatArray, offset: FloatArray
) -> Task:
    """Give the working response of f and its weights.

    Parameters
    ----------
    family
        Response distribution and link.
    y
        The outcome.
    fixed, offset
        f and o of each row, both made without the row's own outcome.
    """
    ones = np.ones(len(y))
    centre = 0.0 if family.name == "binomial" else float(np.log(max(y.mean(), 1e-12)))
    eta = np.clip(fixed + offset, centre - STEEPEST, centre + STEEPEST)
    weights = family.fisher(eta, ones)
    step = family.terms(y, eta, ones).score / weights
    return Task(fixed + step, weights / weights.mean())


def weighted_labels(y: FloatArray, offset: FloatArray) -> Task:
    """Give labels and the weights that take the offset out of their odds.

    Parameters
    ----------
    y
        Labels 0 and 1.
    offset
        o of each row.
    """
    half = 0.5 * np.clip(offset, -HEAVIEST, HEAVIEST)
    weights = np.exp(np.where(y > 0.5, -half, half))
    return Task(y, weights / weights.mean())


class OnLinkScale(BaseEstimator):  # type: ignore[misc]
    """A classifier that predicts the logit of its probability.

    Parameters
    ----------
    classifier
        A classifier of labels 0 and 1 that predicts probabilities.
    """

    def __init__(self, classifier: Any) -> None:
        self.classifier = classifier

    @property
    def steps(self) -> list[tuple[str, Any]]:
        """The classifier as the only step, as a pipeline would show it."""
        return [("classifier", getattr(self, "classifier_", self.classifier))]

    def fit(self, X: Any, y: FloatArray, **fit_params: Any) -> Self:
        """Fit the classifier."""
        self.classifier_ = clone(self.classifier).fit(X, y.astype(int), **fit_params)
        return self

    def predict(self, X: Any) -> FloatArray:
        """Give the logit of the probability of label 1."""
        shares = np.asarray(self.classifier_.predict_proba(X), dtype=np.float64)
        return logits(second_column(shares, self.classifier_.classes_))


def weight_argument(learner: Any) -> str | None:
    """Name the argument of `fit` that takes row weights; None if there is none.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> weight_argument(make_pipeline(StandardScaler(), Ridge()))
    'ridge__sample_weight'
    """
    prefix, inner = "", learner
    while hasattr(inner, "steps"):
        name, step = inner.steps[-1]
        # The link scale hands arguments on as they are; a pipeline by name.
        prefix += "" if isinstance(inner, OnLinkScale) else f"{name}__"
        inner = step
    if not has_fit_parameter(last_step(learner), "sample_weight"):
        return None
    return f"{prefix}sample_weight"
