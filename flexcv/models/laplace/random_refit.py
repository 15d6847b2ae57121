"""Variances and effects of the groups for a fixed part that is already known.

A learner that was wrapped by working responses (generalised MERF, boosting, a
network) leaves group variances that are too small for binary targets: penalised
quasi-likelihood shrinks them. With its prediction f held fixed, maximise the marginal
likelihood over the covariance of the effects and over the average of the random
columns instead::

    part = refit_random_part(family, y, f, design)  # f on the scale of the link
    part.covariances, part.effects, part.loglik
    eta = f + part.average_row_sum(design) + design.effects_sum(part.effects)

f should be cross-fitted: a prediction that has seen its own row's target has taken
the group's effect into itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flexcv.arrays import FloatArray
from flexcv.models.design.columns import RandomDesign

from .engine import GeneralizedEstimate, Rows, estimate_generalized
from .families import Family


@dataclass(frozen=True, slots=True, eq=False)
class RandomRefit:
    """The random part for a fixed prediction.

    Attributes
    ----------
    average
        Per factor the average effect that was added to the prediction, shape
        (effects,); zero beyond the first factor where columns repeat.
    covariances
        Per factor the covariance of the effects of one level.
    effects
        Per factor the conditional modes around the average, shape (levels, effects).
    conditional
        Per factor their conditional covariances, (levels, effects, effects).
    dispersion
        Of families that have one, else 1.
    loglik
        Marginal log-likelihood.
    converged, singular
        Whether the search ended at a maximum, and whether a variance is zero.
    estimate
        All of the fit; ``estimate.fit.parameters`` starts the next one warm.
    """

    average: tuple[FloatArray, ...]
    covariances: tuple[FloatArray, ...]
    effects: tuple[FloatArray, ...]
    conditional: tuple[FloatArray, ...]
    dispersion: float
    loglik: float
    converged: bool
    singular: bool
    estimate: GeneralizedEstimate

    def average_row_sum(self, design: RandomDesign) -> FloatArray:
        """Return each row's average effect, to be added to the fixed prediction."""
        total = np.zeros(len(design))
        for factor, average in zip(design.factors, self.average, strict=True):
            for column, value in zip(factor.columns, average, strict=True):
                total += value * column
        return total


def refit_random_part(
    family: Family,
    y: FloatArray,
    offset: FloatArray,
    design: RandomDesign,
    *,
    weights: FloatArray | None = None,
    n_nodes: int = 1,
    average: bool = True,
    start: FloatArray | None = None,
) -> RandomRefit:
    """Maximise the marginal likelihood over everything but the fixed prediction.

    Parameters
    ----------
    family
        Response distribution and link.
    y
        The target; shares of successes for the binomial family.
    offset
        The fixed prediction on the scale of the link, shape (n_rows,).
    design
        The random part of the same rows, as `learn_random` gives it.
    weights
        Trials of the binomial family.
    n_nodes
        Nodes of adaptive Gauss-Hermite quadrature, for one effect of one factor.
    average
        Whether the averages of the random columns are estimated too.
    start
        Parameters of an earlier refit of the same shape.

    Examples
    --------
    >>> import pandas as pd
    >>> from flexcv.models.laplace.families import Poisson
    >>> from flexcv.models.design._effects import Columns
    >>> from flexcv.models.design.columns import learn_random
    >>> from flexcv.models.design.terms import RandomTerm
    >>> rng = np.random.default_rng(0)
    >>> g = np.repeat(np.arange(40), 10)
    >>> f = rng.normal(size=400)
    >>> y = rng.poisson(np.exp(f + 0.7 * rng.normal(size=40)[g])).astype(float)
    >>> _, design = learn_random(Columns(pd.DataFrame({"g": g})), [RandomTerm("g")])
    >>> part = refit_random_part(Poisson(), y, f, design)
    >>> bool(part.converged), np.sqrt(part.covariances[0]).round(2)
    (True, array([[0.79]]))
    """
    fixed, places = _distinct_columns(design) if average else ([], {})
    constant = next((c for c in fixed if (c == 1.0).all()), None)
    used = np.ones(len(y)) if weights is None else weights
    made = estimate_generalized(
        Rows(family, y, used, offset, fixed, design, constant, n_nodes), start
    )
    beta = np.zeros(len(fixed))
    beta[made.basis.kept] = made.beta
    return RandomRefit(
        _per_factor(design, beta, places),
        made.covariances,
        made.effects,
        made.conditional,
        made.dispersion,
        made.loglik,
        made.fit.converged,
        made.fit.singular,
        made,
    )


def _distinct_columns(
    design: RandomDesign,
) -> tuple[list[FloatArray], dict[tuple[int, int], int]]:
    """Return each random column once, with its first factor and effect."""
    columns: list[FloatArray] = []
    places: dict[tuple[int, int], int] = {}
    for k, factor in enumerate(design.factors):
        for a, column in enumerate(factor.columns):
            if not any(np.array_equal(column, known) for known in columns):
                places[k, a] = len(columns)
                columns.append(column)
    return columns, places


def _per_factor(
    design: RandomDesign, beta: FloatArray, places: dict[tuple[int, int], int]
) -> tuple[FloatArray, ...]:
    average = [np.zeros(factor.n_effects) for factor in design.factors]
    for (k, a), place in places.items():
        average[k][a] = beta[place]
    return tuple(average)
