r"""What a learner is fitted to when the outcome is not a normal number.

With the linear predictor :math:`\eta = f(X) + o`, where o holds all that is not the
learner's (random effects and their averages), a learner finds f in one of three ways.

A regressor is fitted to the working response without o,
:math:`f + (y - \mu)\,d\eta/d\mu`, with the working weights of iterated least squares
(McCullagh & Nelder 1989, *Generalized Linear Models*, section 2.5; for trees Hajjem,
Larocque & Bellavance 2017, *Generalized mixed effects regression trees*, Stat. Prob.
Lett. 126). f and o must not know the row's own y: then the response is right on
average.

A classifier is fitted to the labels themselves. Rows of the second class weigh
:math:`e^{-o/2}` and rows of the first :math:`e^{o/2}`, so that the odds it learns are
those of o = 0: :math:`P(1)e^{-o/2} / P(0)e^{o/2} = e^{f}` in every row, exactly.

A learner of rates is fitted to :math:`y e^{-o}` with weights :math:`e^{o}`, which is
how a Poisson regression is given an offset: the score of each row is unchanged.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import has_fit_parameter

from flexcv._rounding import on_grid, significant
from flexcv.arrays import FloatArray
from flexcv.models.laplace.families import Family

from ._link_scale import OnLinkScale
from .out_of_sample import last_step

STEEPEST = 5.0  # linear predictor beyond which no working response is taken
LARGEST_WEIGHT = 4.0  # of a row, relative to the average
BITS = 26  # of targets and weights; products of the two are never summed exactly
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
    """Return the working response of f and its weights.

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
    # Any weights that do not know y are right on average; a row that outweighs all
    # others would be drawn into every tree and never be out of bag.
    weights = np.minimum(weights, LARGEST_WEIGHT * weights.mean())
    return Task(on_grid(fixed + step, BITS), _with_mean_one(weights))


def weighted_labels(y: FloatArray, offset: FloatArray) -> Task:
    """Return labels and the weights that take the offset out of their odds.

    Parameters
    ----------
    y
        Labels 0 and 1.
    offset
        o of each row.
    """
    half = 0.5 * np.clip(offset, -HEAVIEST, HEAVIEST)
    weights = np.exp(np.where(y > 0.5, -half, half))
    return Task(y, _with_mean_one(weights))


def weighted_rates(y: FloatArray, offset: FloatArray) -> Task:
    """Return rates without the offset, and the weights that go with them.

    Parameters
    ----------
    y
        Counts.
    offset
        o of each row.
    """
    weights = significant(np.exp(np.clip(offset, -HEAVIEST, HEAVIEST)), BITS)
    return Task(y / weights, _with_mean_one(weights))


def _with_mean_one(weights: FloatArray) -> FloatArray:
    return significant(weights / weights.mean(), BITS)


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
