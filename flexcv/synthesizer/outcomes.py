r"""Synthetic outcomes of yes and no, and counts, of rows in groups.

Row :math:`i` of group :math:`j` has the linear predictor

.. math:: \eta_{ij} = a + x_{ij}^\top \beta + b_{0j} + \sum_s b_{sj} x_{ijs},

with the features and effects of `GroupedRegression` and no noise; the outcome is then
drawn, :math:`P(y = 1) = 1 / (1 + e^{-\eta})` or :math:`y \sim Poisson(e^{\eta})`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import expit

from flexcv._checks import check_choice, check_integer, check_number

from .regression import GroupedRegression, RegressionSample

FAMILIES = ("binomial", "poisson")
LARGEST_MEAN = 1e15  # of a count; beyond, the generator has no whole numbers left


def generate_classification(
    m_features: int,
    n_samples: int,
    n_groups: int = 5,
    n_slopes: int = 0,
    random_seed: int = 42,
    *,
    intercept: float = 0.0,
    fixed_variance: float = 1.0,
    intercept_variance: float = 1.0,
    slope_variance: float = 0.5,
) -> tuple[pd.DataFrame, pd.Series, pd.Series, pd.DataFrame]:
    """Draw a binary problem with random intercepts, and random slopes if wanted.

    Parameters
    ----------
    m_features, n_samples, n_groups, n_slopes, random_seed
        As in `generate_regression`.
    intercept
        Linear predictor of an average row; 0 makes both classes about as frequent.
    fixed_variance, intercept_variance, slope_variance
        As in `generate_regression`, on the scale of the linear predictor (logits).

    Returns
    -------
    X, y, group, random_slopes
        Features, target of 0 and 1, group label of each row, and the columns of `X`
        that have random slopes. The four share their index.

    See Also
    --------
    GroupedOutcome : The same, with the truth.

    Examples
    --------
    >>> X, y, group, _ = generate_classification(3, 100)
    >>> y.value_counts().sort_index().to_dict()
    {0: 38, 1: 62}
    """
    problem = GroupedRegression(
        m_features=m_features,
        n_samples=n_samples,
        n_groups=n_groups,
        n_slopes=n_slopes,
        fixed_variance=fixed_variance,
        intercept_variance=intercept_variance,
        slope_variance=slope_variance,
    )
    return _parts(GroupedOutcome(problem, "binomial", intercept).draw(random_seed))


def generate_counts(
    m_features: int,
    n_samples: int,
    n_groups: int = 5,
    n_slopes: int = 0,
    random_seed: int = 42,
    *,
    intercept: float = 1.0,
    fixed_variance: float = 0.25,
    intercept_variance: float = 0.25,
    slope_variance: float = 0.1,
) -> tuple[pd.DataFrame, pd.Series, pd.Series, pd.DataFrame]:
    """Draw counts with random intercepts, and random slopes if wanted.

    Parameters
    ----------
    m_features, n_samples, n_groups, n_slopes, random_seed
        As in `generate_regression`.
    intercept
        Logarithm of the mean of an average row.
    fixed_variance, intercept_variance, slope_variance
        As in `generate_regression`, on the scale of the linear predictor (logarithms).

    Returns
    -------
    X, y, group, random_slopes
        As in `generate_classification`; the target counts from 0.

    Examples
    --------
    >>> X, y, group, _ = generate_counts(3, 100)
    >>> y.head(5).tolist(), y.dtype.name
    ([5, 2, 2, 5, 6], 'int64')
    """
    problem = GroupedRegression(
        m_features=m_features,
        n_samples=n_samples,
        n_groups=n_groups,
        n_slopes=n_slopes,
        fixed_variance=fixed_variance,
        intercept_variance=intercept_variance,
        slope_variance=slope_variance,
    )
    return _parts(GroupedOutcome(problem, "poisson", intercept).draw(random_seed))


@dataclass(frozen=True, slots=True)
class GroupedOutcome:
    """Describe the distribution that the generators of outcomes draw from.

    Parameters
    ----------
    predictor
        The linear predictor; its noise is left out.
    family
        ``"binomial"`` draws 0 or 1 by the logit, ``"poisson"`` counts by the
        logarithm.
    intercept
        Linear predictor of an average row.

    Examples
    --------
    >>> problem = GroupedRegression(m_features=2, n_samples=60, n_slopes=0)
    >>> sample = GroupedOutcome(problem, "binomial").draw(1)
    >>> sample.random_effects.round(2).T
                 g1    g2    g3   g4    g5
    Intercept -0.24 -0.63  0.23  0.7  0.66
    """

    predictor: GroupedRegression
    family: str = "binomial"
    intercept: float = 0.0

    def __post_init__(self) -> None:
        check_choice("family", self.family, FAMILIES)
        if not np.isfinite(check_number("intercept", self.intercept, -np.inf)):
            raise ValueError(f"`intercept` must be finite, got {self.intercept!r}.")

    def draw(self, random_seed: int = 42) -> RegressionSample:
        """Draw one table; the features and effects are those of `predictor`.

        Parameters
        ----------
        random_seed
            Equal seeds give equal tables.
        """
        check_integer("random_seed", random_seed, 0)
        sample = replace(self.predictor, noise_level=0.0).draw(random_seed)
        own = np.random.SeedSequence(random_seed).spawn(1)[0]
        rng = np.random.default_rng(own)
        predictor = self.intercept + sample.y.to_numpy()
        if self.family == "binomial":
            drawn = rng.random(len(predictor)) < expit(predictor)
        else:
            drawn = rng.poisson(self._means(predictor))
        return replace(sample, y=pd.Series(drawn.astype(np.int64), name="y"))

    @staticmethod
    def _means(predictor: np.ndarray) -> np.ndarray:
        largest = float(predictor.max())
        if largest > np.log(LARGEST_MEAN):
            raise ValueError(
                f"a count would have a mean of e^{largest:.3g}, too large to draw; "
                "choose a smaller `intercept` or smaller variances."
            )
        return np.asarray(np.exp(predictor))


def _parts(
    sample: RegressionSample,
) -> tuple[pd.DataFrame, pd.Series, pd.Series, pd.DataFrame]:
    return sample.X, sample.y, sample.group, sample.random_slopes
