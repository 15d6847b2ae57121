"""Variances that grow without end on the scale of a link: found and told in one place.

Where every row of a group lies on one side of a limit, as in groups of one class, the
likelihood rises as long as the effects spread. No finite variance is its maximum; what
a search ends with says where it stopped, and predictions for new groups tend to one
half. A model whose groups are all of one class has no maximum however far a search
went: all coefficients times c > 1 tell the rows of every group at least as well apart.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from flexcv.arrays import FloatArray
from flexcv.errors import ConvergenceWarning
from flexcv.models.design.columns import RandomDesign, RandomFactor

from .families import Family
from .fit import UNBOUNDED

WITHOUT_END = (
    "a variance of the random effects grows without end; every group may be of one "
    "class: simplify the random part."
)
NOTICEABLE = 1.0  # standard deviation on the scale of a link that needs an end


def grows_without_end(
    family: Family,
    y: FloatArray,
    design: RandomDesign,
    covariances: Sequence[FloatArray],
) -> bool:
    """Return whether a variance has no finite estimate.

    Parameters
    ----------
    family
        Response distribution and link.
    y
        The target; shares of successes for the binomial family, shape (n_rows,).
    design
        The random part of the same rows.
    covariances
        Per factor the covariance of the effects that was found.

    Examples
    --------
    >>> from flexcv.models.design._effects import Columns
    >>> from flexcv.models.design.columns import learn_random
    >>> from flexcv.models.design.terms import RandomTerm
    >>> from flexcv.models.laplace.families import Binomial
    >>> import pandas as pd
    >>> table = pd.DataFrame({"g": ["a", "a", "b", "b"]})
    >>> _, design = learn_random(Columns(table), [RandomTerm("g")])
    >>> found = [np.array([[9.0]])]
    >>> y = np.array([0.0, 0.0, 1.0, 1.0])
    >>> grows_without_end(Binomial(), y, design, found)
    True
    >>> grows_without_end(Binomial(), y[[0, 2, 1, 3]], design, found)
    False
    """
    spreads = link_spreads(design, covariances)
    return any(
        spread > UNBOUNDED
        or (spread > NOTICEABLE and _is_of_one_class(family, y, factor))
        for spread, factor in zip(spreads, design.factors, strict=True)
    )


def warn_without_end(stacklevel: int) -> None:
    """Warn that a variance grows without end."""
    warnings.warn(WITHOUT_END, ConvergenceWarning, stacklevel=stacklevel + 1)


def link_spreads(
    design: RandomDesign, covariances: Sequence[FloatArray]
) -> tuple[float, ...]:
    """Return per factor the standard deviation that its effects give to a row.

    It is the root mean square over rows, in the units of the link.
    """
    return tuple(
        _link_spread(factor, covariance)
        for factor, covariance in zip(design.factors, covariances, strict=True)
    )


def ended(
    design: RandomDesign, covariances: Sequence[FloatArray]
) -> tuple[FloatArray, ...]:
    """Return the covariances, those without end shrunk to where they are called so."""
    spreads = link_spreads(design, covariances)
    return tuple(
        covariance * min(1.0, UNBOUNDED / spread) ** 2 if spread else covariance
        for covariance, spread in zip(covariances, spreads, strict=True)
    )


def _link_spread(factor: RandomFactor, covariance: FloatArray) -> float:
    columns = np.stack(factor.columns)
    moments = columns @ columns.T / columns.shape[1]
    return float(np.sqrt(max(float((moments * covariance).sum()), 0.0)))


def _is_of_one_class(family: Family, y: FloatArray, factor: RandomFactor) -> bool:
    """Return whether no level holds two classes, though levels have several rows."""
    if family.name != "binomial" or not np.isin(y, (0.0, 1.0)).all():
        return False
    rows = np.bincount(factor.codes, minlength=factor.n_levels)
    ones = np.bincount(factor.codes, y, factor.n_levels)
    return bool(((ones == 0.0) | (ones == rows)).all() and rows.max() > 1)
