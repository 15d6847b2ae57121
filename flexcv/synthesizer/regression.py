r"""Synthetic rows in groups, with the random effects they name.

Row :math:`i` of group :math:`j` follows

.. math:: y_{ij} = x_{ij}^\top \beta + b_{0j} + \sum_s b_{sj} x_{ijs} + e_{ij},

with independent standard normal features, so that each term's variance is a number
one can write down: see `GroupedRegression.variances`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from flexcv._checks import check_integer, check_number
from flexcv.arrays import FloatArray


def generate_regression(
    m_features: int,
    n_samples: int,
    n_groups: int = 5,
    n_slopes: int = 1,
    random_seed: int = 42,
    noise_level: float = 0.1,
    *,
    fixed_variance: float = 1.0,
    intercept_variance: float = 1.0,
    slope_variance: float = 0.5,
    intercept_slope_correlation: float = 0.0,
) -> tuple[pd.DataFrame, pd.Series, pd.Series, pd.DataFrame]:
    """Draw a regression problem with random intercepts and random slopes.

    With the defaults, 2.51 is the variance of the target in the long run: 40 % of it
    are fixed effects, 40 % group intercepts, 20 % group slopes and 0.4 % noise.

    Parameters
    ----------
    m_features
        Number of features, `x1`, `x2`, ...; each is standard normal.
    n_samples
        Number of rows. They are dealt to the groups as evenly as possible and stand
        in random order.
    n_groups
        Number of groups.
    n_slopes
        How many features, counted from `x1`, have a slope that differs between
        groups.
    random_seed
        Equal seeds give equal tables.
    noise_level
        Standard deviation of the noise.
    fixed_variance
        Variance of the fixed part, the sum of the squared coefficients.
    intercept_variance
        Variance of the group intercepts.
    slope_variance
        Variance of the group slopes, the same for each of the features that have
        one; the average slope is the feature's fixed effect.
    intercept_slope_correlation
        Correlation of the group intercepts with the group slopes.

    Returns
    -------
    X, y, group, random_slopes
        Features, target, group label of each row, and the columns of `X` that have
        random slopes. The four share their index.

    See Also
    --------
    GroupedRegression : The same, with the truth.

    Examples
    --------
    >>> X, y, group, random_slopes = generate_regression(3, 100, n_slopes=1)
    >>> X.round(2).head(2)
         x1    x2    x3
    0  0.30 -1.04  0.75
    1  0.94 -1.95 -1.30
    >>> group.value_counts().sort_index().to_dict()
    {'g1': 20, 'g2': 20, 'g3': 20, 'g4': 20, 'g5': 20}
    >>> list(random_slopes)
    ['x1']
    """
    problem = GroupedRegression(
        m_features=m_features,
        n_samples=n_samples,
        n_groups=n_groups,
        n_slopes=n_slopes,
        noise_level=noise_level,
        fixed_variance=fixed_variance,
        intercept_variance=intercept_variance,
        slope_variance=slope_variance,
        intercept_slope_correlation=intercept_slope_correlation,
    )
    sample = problem.draw(random_seed)
    return sample.X, sample.y, sample.group, sample.random_slopes


@dataclass(frozen=True, slots=True, eq=False)
class RegressionSample:
    """One drawn table and the effects behind it.

    Parameters
    ----------
    X, y, group, random_slopes
        What `generate_regression` returns.
    fixed_effects
        Coefficient of each feature.
    random_effects
        One row for each group, the columns `Intercept` and the features with a
        random slope: what the group adds to the fixed effects.
    """

    X: pd.DataFrame
    y: pd.Series
    group: pd.Series
    random_slopes: pd.DataFrame
    fixed_effects: pd.Series
    random_effects: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedRegression:
    """Describe the distribution that `generate_regression` draws from.

    The fields are the arguments of `generate_regression`, the seed excepted.

    Examples
    --------
    >>> problem = GroupedRegression(m_features=3, n_samples=100, noise_level=0.5)
    >>> problem.shares.round(3).to_dict()
    {'fixed': 0.364, 'intercept': 0.364, 'slopes': 0.182, 'noise': 0.091}
    >>> problem.draw(42).random_effects.round(2).head(2)
        Intercept    x1
    g1       0.84  0.14
    g2       1.33  0.01
    """

    m_features: int
    n_samples: int
    n_groups: int = 5
    n_slopes: int = 1
    noise_level: float = 0.1
    fixed_variance: float = 1.0
    intercept_variance: float = 1.0
    slope_variance: float = 0.5
    intercept_slope_correlation: float = 0.0

    def __post_init__(self) -> None:
        check_integer("m_features", self.m_features, 1)
        check_integer("n_groups", self.n_groups, 1)
        check_integer("n_samples", self.n_samples, 1)
        check_integer("n_slopes", self.n_slopes, 0)
        for name in (
            "noise_level",
            "fixed_variance",
            "intercept_variance",
            "slope_variance",
        ):
            _check_finite(name, check_number(name, getattr(self, name), 0.0))
        self._check_sizes()
        self._check_correlation()

    @property
    def variances(self) -> pd.Series:
        """Variance that each part of the model gives the target, in the long run."""
        return pd.Series(
            {
                "fixed": self.fixed_variance,
                "intercept": self.intercept_variance,
                "slopes": self.n_slopes * self.slope_variance,
                "noise": self.noise_level**2,
            },
            name="variance",
            dtype=float,
        )

    @property
    def shares(self) -> pd.Series:
        """Each part's share of the target's variance."""
        variances = self.variances
        return (variances / variances.sum()).rename("share")

    @property
    def random_covariance(self) -> pd.DataFrame:
        """Covariance of a group's intercept and slopes."""
        names = ["Intercept", *self._feature_names()[: self.n_slopes]]
        covariance = np.diag(
            [self.intercept_variance, *[self.slope_variance] * self.n_slopes]
        )
        covariance[0, 1:] = covariance[1:, 0] = self.intercept_slope_correlation * (
            np.sqrt(self.intercept_variance * self.slope_variance)
        )
        return pd.DataFrame(covariance, index=names, columns=names)

    def draw(self, random_seed: int = 42) -> RegressionSample:
        """Draw one table.

        Parameters
        ----------
        random_seed
            Equal seeds give equal tables.
        """
        rng = np.random.default_rng(check_integer("random_seed", random_seed, 0))
        features = rng.standard_normal((self.n_samples, self.m_features))
        codes = rng.permutation(np.arange(self.n_samples) % self.n_groups)
        fixed = self._draw_fixed_effects(rng)
        random = self._draw_random_effects(rng)
        noise = self.noise_level * rng.standard_normal(self.n_samples)
        loadings = np.column_stack([np.ones(self.n_samples), features])
        random_part = (loadings[:, : self.n_slopes + 1] * random[codes]).sum(axis=1)
        return self._sample(
            features, features @ fixed + random_part + noise, codes, fixed, random
        )

    def _draw_fixed_effects(self, rng: np.random.Generator) -> FloatArray:
        """Coefficients of both signs, none near zero, squares summing to the name."""
        effects = rng.uniform(0.5, 1.5, self.m_features)
        effects *= rng.choice([-1.0, 1.0], self.m_features)
        return np.asarray(effects * np.sqrt(self.fixed_variance / (effects @ effects)))

    def _draw_random_effects(self, rng: np.random.Generator) -> FloatArray:
        """One row of intercept and slopes for each group."""
        values, vectors = np.linalg.eigh(self.random_covariance.to_numpy())
        root = vectors * np.sqrt(np.clip(values, 0.0, None))
        standard = rng.standard_normal((self.n_groups, self.n_slopes + 1))
        return np.asarray(standard @ root.T)

    def _sample(
        self,
        features: FloatArray,
        target: FloatArray,
        codes: NDArray[np.intp],
        fixed: FloatArray,
        random: FloatArray,
    ) -> RegressionSample:
        names = self._feature_names()
        width = len(str(self.n_groups))
        labels = np.array([f"g{code:0{width}}" for code in range(1, self.n_groups + 1)])
        X = pd.DataFrame(features, columns=names)
        return RegressionSample(
            X=X,
            y=pd.Series(target, name="y"),
            group=pd.Series(labels[codes], name="group", dtype="str"),
            random_slopes=X[names[: self.n_slopes]].copy(),
            fixed_effects=pd.Series(fixed, index=names, name="effect"),
            random_effects=pd.DataFrame(
                random, index=labels, columns=self.random_covariance.columns
            ),
        )

    def _feature_names(self) -> list[str]:
        return [f"x{number}" for number in range(1, self.m_features + 1)]

    def _check_sizes(self) -> None:
        if self.n_samples < self.n_groups:
            raise ValueError(
                f"`n_samples` must be at least `n_groups`={self.n_groups}, so that no "
                f"group is empty, got {self.n_samples}; draw more rows or fewer groups."
            )
        if self.n_slopes > self.m_features:
            raise ValueError(
                f"`n_slopes` must be at most `m_features`={self.m_features}, got "
                f"{self.n_slopes}; a random slope needs a feature."
            )

    def _check_correlation(self) -> None:
        correlation = check_number(
            "intercept_slope_correlation", self.intercept_slope_correlation, -1.0
        )
        # The slopes are uncorrelated with each other, which bounds r^2 by 1 / n_slopes.
        limit = 1.0 / np.sqrt(max(self.n_slopes, 1))
        if abs(correlation) > limit:
            raise ValueError(
                "`intercept_slope_correlation` must lie between "
                f"{-limit:.3g} and {limit:.3g} with {self.n_slopes} random slopes, got "
                f"{correlation!r}; choose a value nearer to zero."
            )


def _check_finite(name: str, value: float) -> None:
    if not np.isfinite(value):
        raise ValueError(f"`{name}` must be finite, got {value!r}.")
