"""Lasso, ridge and elastic net with random effects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from flexcv._signatures import readable
from flexcv.models.contract.base import Training
from flexcv.models.contract.responses import new_row_interval
from flexcv.models.design.terms import RandomSpecification
from flexcv.models.gaussian.conditional import (
    Uncertainty,
    learn_uncertainty,
    weighted_design,
)
from flexcv.models.penalties.base import AbstractPenalizedModel
from flexcv.models.penalties.coordinate_descent import PenalisedRows, coefficient_path
from flexcv.models.penalties.fit import (
    PenalisedFit,
    PenaltySettings,
    estimate_variances,
    falling_alphas,
    fit_at,
    whitened_at,
)
from flexcv.models.penalties.rounds import PenalisedRound, penalised_rounds
from flexcv.models.penalties.units import Units, learn_units
from flexcv.typing import Between, Callback, Folds, KnownGroups, UnknownLevels


@readable
class PenalizedLinearMixedModel(AbstractPenalizedModel):
    r"""Lasso, ridge or elastic net with random effects, y = X beta + Z b + e.

    Given the variances, with :math:`V = I + Z D Z'` relative to :math:`\sigma^2`, the
    fixed effects minimise the marginal (generalised least-squares) objective

    .. math:: \frac{1}{2n} (y - X\beta)' V^{-1} (y - X\beta) + \alpha \sum_j \Big(
              \rho\,\omega_j |\beta_j| + \frac{1 - \rho}{2}\,\omega_j^2 \beta_j^2 \Big)

    and (D, sigma^2) maximise the likelihood of what they leave, in turn until both
    stand. Schelldorfer, Buehlmann & van de Geer (2011), *Estimation for
    high-dimensional linear mixed-effects models using l1-penalization*, Scand. J.
    Stat. 38, 197-214, equation (4), whose likelihood also moves with the penalty.

    Parameters
    ----------
    groups, slopes, random
        The random part, as in `LinearMixedEffectsModel`. The average effect of a slope
        has no penalty: what a penalty took from it would count as its variance.
    penalty
        ``"l1"`` (lasso, rho = 1), ``"l2"`` (ridge, rho = 0) or ``"elasticnet"``.
    alpha
        The penalty's weight; ``"cv"`` chooses it on held-out groups. 0 is maximum
        likelihood. Without groups and standardising it is scikit-learn's `alpha` of
        `Lasso` and `ElasticNet`; `Ridge` multiplies it by the number of rows.
    l1_ratio
        The share rho of the lasso in an elastic net; with ``alpha="cv"`` that for a
        target of unit standard deviation, so that units do not matter.
    unpenalized
        Columns without a penalty, beside the intercept.
    standardise
        Whether omega_j is the root mean square of the whitened column j (less what
        unpenalised columns explain), so that units do not matter; otherwise it is one.
    n_alphas
        Penalties on the path that ``"cv"`` chooses from.
    folds
        How many folds, or a splitter, which is passed the first factor's levels.
    variances
        What the residuals are made of: ``"out_of_fold"`` leaves rows of each group
        out, ``"held_out_groups"`` whole groups, ``"in_sample"`` nothing.
    max_iterations, tol
        Stop when no variance changes by more than `tol` of their sum.
    callbacks
        Called with each new row of `trace_` as a mapping; one that returns True
        stops the fit.
    known_groups
        ``"conditional"`` predicts known levels with their random effects,
        ``"population"`` every row without.
    between
        Whether group means of the features are features too, for slopes that differ
        within and between groups: ``"auto"`` is yes where
        `flexcv.preprocessing.contextual_effects` finds that they do.
    unknown_levels
        What becomes of a row with a level of a category that training did not show:
        ``"refuse"`` raises; ``"zero"`` gives the column no effect, its columns of the
        design being at their averages over training; ``"missing"`` predicts NaN.

    Attributes
    ----------
    coef_, intercept_, fixed_effects_
        The fixed effects, and a table of them by name.
    alpha_, l1_ratio_
        The penalty used and its share of the lasso, in the units of the target.
    loglik_
        Log-likelihood of the residuals that the variances come from.
    cv_results_
        With ``alpha="cv"``, loss and standard error by alpha.
    random_effects_, variance_components_, sigma_
        As in `LinearMixedEffectsModel`.
    trace_, n_iter_, converged_
        A row per iteration, their number, and whether the variances settled.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> table = pd.DataFrame(rng.normal(size=(120, 30))).add_prefix("x")
    >>> table["g"] = np.repeat(range(20), 6)
    >>> y = 2 * table["x0"] - table["x1"] + rng.normal(size=20)[table["g"]]
    >>> y += 0.5 * rng.normal(size=120)
    >>> model = PenalizedLinearMixedModel("g", alpha=0.2).fit(table, y)
    >>> model.fixed_effects_.query("selected")["estimate"].round(1)
    Intercept   -0.1
    x0           1.7
    x1          -0.8
    Name: estimate, dtype: float64
    """

    trace_: pd.DataFrame
    uncertainty_: Uncertainty

    def __init__(
        self,
        groups: str | Sequence[str] | None = None,
        slopes: str | Sequence[str] | None = (),
        *,
        random: RandomSpecification | None = None,
        penalty: str = "l1",
        alpha: float | Literal["cv"] = "cv",
        l1_ratio: float = 0.5,
        unpenalized: str | Sequence[str] | None = (),
        standardise: bool = True,
        n_alphas: int = 100,
        folds: Folds = 5,
        variances: str = "out_of_fold",
        max_iterations: int = 50,
        tol: float = 1e-5,
        callbacks: Callback | Sequence[Callback] | None = None,
        known_groups: KnownGroups = "conditional",
        between: Between = False,
        unknown_levels: UnknownLevels = "refuse",
    ) -> None:
        self.groups = groups
        self.slopes = slopes
        self.random = random
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.unpenalized = unpenalized
        self.standardise = standardise
        self.n_alphas = n_alphas
        self.folds = folds
        self.variances = variances
        self.max_iterations = max_iterations
        self.tol = tol
        self.callbacks = callbacks
        self.known_groups = known_groups
        self.between = between
        self.unknown_levels = unknown_levels

    def path(
        self, X: pd.DataFrame | ArrayLike, y: ArrayLike, alphas: ArrayLike | None = None
    ) -> pd.DataFrame:
        """Return the coefficients along alphas, at the fitted variances.

        Parameters
        ----------
        X, y
            The training table and target, or another with groups of its own.
        alphas
            Penalties; by default `n_alphas` from the one that selects nothing.

        Returns
        -------
        A row per alpha, falling, and a column per fixed effect.
        """
        source, target, design = self._again(X, y)
        rows = self.columns_.rows(source, target, design)
        relative = [d / self.sigma_**2 for d in self.random_part_.covariances]
        _, whole = whitened_at(rows, relative, standardise=self.standardise)
        ratio = self.l1_ratio_
        shown = falling_alphas(whole, ratio, self.n_alphas)
        if ratio == 0.0:  # a ridge's penalty has no units, its largest lasso has
            shown = shown / learn_units(target).spread
        if alphas is not None:
            shown = np.sort(np.asarray(alphas, dtype=np.float64))[::-1]
        path = coefficient_path(whole, shown, ratio)
        return self._path_frame(shown, path, whole.free(path))

    def predict_interval(
        self, X: pd.DataFrame | ArrayLike, level: float = 0.95
    ) -> pd.DataFrame:
        r"""Predict with an interval for a new row of each group.

        It is :math:`x'\beta + z'b \pm q\sqrt{\sigma^2 + z'Pz}`, with P the conditional
        covariance of the effects of known levels and their covariance D for unknown
        ones. With ``variances="out_of_fold"`` the variances come from rows that beta
        had not seen, and so hold its error.

        Parameters
        ----------
        X
            A table with the training table's columns.
        level
            Coverage of the intervals.

        Returns
        -------
        Columns prediction, lower and upper.
        """
        return new_row_interval(self, X, level)

    def _units(self, training: Training) -> Units:
        units, weights = learn_units(training.target), training.sample_weight
        if weights is None:
            return units
        return replace(units, weight=float(weights.mean()))

    def _learn_rows(self, training: Training, units: Units) -> PenalisedRows:
        rows, weights = super()._learn_rows(training, units), training.sample_weight
        return (
            rows if weights is None else replace(rows, weights=weights / units.weight)
        )

    def _keep_uncertainty(self, training: Training) -> None:
        design, weights = training.design, training.sample_weight
        if weights is not None:
            design = weighted_design(design, weights)
        covariances = self.random_part_.covariances
        self.uncertainty_ = learn_uncertainty(design, self.sigma_**2, covariances)

    def _rounds(
        self, rows: PenalisedRows, training: Training, settings: PenaltySettings
    ) -> Iterator[PenalisedRound]:
        free, ones = self.columns_.free_columns(training.source), training.source.ones
        start = estimate_variances(
            rows.target, free, rows.design, ones, weights=rows.weights
        )
        return penalised_rounds(rows, free, ones, settings, start)

    def _final_fit(
        self,
        rows: PenalisedRows,
        training: Training,  # noqa: ARG002
        settings: PenaltySettings,
        last: PenalisedRound,
    ) -> PenalisedFit:
        relative, begin = last.variances.relative, last.coefficients
        return fit_at(rows, settings, relative, last.alpha, begin)
