"""Lasso, ridge and elastic net with random effects for two classes and for counts."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from flexcv._checks import check_choice, check_integer
from flexcv._signatures import readable
from flexcv.arrays import FloatArray
from flexcv.errors import SeparationWarning
from flexcv.models.contract.base import Training
from flexcv.models.contract.responses import AbstractFamilyModel, predicts_classes
from flexcv.models.design._effects import Columns
from flexcv.models.design._identify import require_apart
from flexcv.models.design.binary_labels import encoded_classes
from flexcv.models.design.columns import RandomDesign
from flexcv.models.design.terms import RandomSpecification
from flexcv.models.gaussian.conditional import learn_conditional
from flexcv.models.laplace.families import Family, family_of
from flexcv.models.penalties.base import AbstractPenalizedModel
from flexcv.models.penalties.coordinate_descent import PenalisedRows
from flexcv.models.penalties.fit import PenalisedFit, PenaltySettings
from flexcv.models.penalties.held_out import Fold
from flexcv.models.penalties.laplace_rounds import (
    FreePart,
    laplace_rounds,
    null_path,
    objective_at,
    separated_columns,
)
from flexcv.models.penalties.likelihood import LikelihoodRows, likelihood_rows
from flexcv.models.penalties.rounds import PenalisedRound
from flexcv.models.penalties.units import Units
from flexcv.typing import Between, Callback, Folds, KnownGroups, UnknownLevels

FAMILIES = ("binomial", "poisson")


@readable
class PenalizedGeneralizedMixedModel(AbstractPenalizedModel, AbstractFamilyModel):
    r"""Lasso, ridge or elastic net with random effects for two classes or counts.

    The model is :math:`g(E\,y) = X\beta + Zb` with :math:`b \sim N(0, D)`. With
    Laplace's marginal likelihood L the fixed effects minimise

    .. math:: -\frac{1}{n} \log L(\beta, D) + \alpha \sum_j \Big(
              \rho\,\omega_j |\beta_j| + \frac{1 - \rho}{2}\,\omega_j^2 \beta_j^2 \Big)

    and D maximises the likelihood of what they predict, in turn until both stand.
    Schelldorfer, Meier & Buehlmann (2014), *GLMMLasso: an algorithm for
    high-dimensional generalized linear mixed models using l1-penalization*, J. Comput.
    Graph. Stat. 23, 460-477, equation (4).

    Parameters
    ----------
    groups, slopes, random
        The random part, as in `LinearMixedEffectsModel`.
    family
        ``"binomial"`` for two classes or ``"poisson"`` for counts.
    link
        ``"logit"``, ``"probit"`` or ``"cloglog"`` for two classes.
    penalty, alpha, l1_ratio, unpenalized
        As in `PenalizedLinearMixedModel`. Without groups and standardising alpha is
        that of `PoissonRegressor`; `LogisticRegression` has C = 1 / (n_rows alpha).
    standardise
        Whether omega_j is the root mean square of column j in the metric of V, the
        working weights at the solution, on average no less than a hundredth of those
        without columns; otherwise it is one.
    n_alphas, folds, variances, max_iterations, tol, callbacks
        As in `PenalizedLinearMixedModel`; alpha is chosen by the marginal likelihood
        of held-out groups.
    n_quadrature
        Nodes of adaptive Gauss-Hermite quadrature in place of Laplace's approximation,
        for a random intercept of one factor: with few rows per group and binary
        targets Laplace's group variance is some percent too small.
    offset
        The column that is added to the linear predictor with coefficient one.
    known_groups
        ``"conditional"`` predicts known levels with their random effects and averages
        over the random effects of new ones, ``"population"`` averages for every row.
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
    classes_
        The two labels, the one whose probability is modelled last.
    coef_, intercept_, fixed_effects_, alpha_, cv_results_
        As in `PenalizedLinearMixedModel`.
    random_effects_, variance_components_
        Effects and variances on the scale of the link.
    trace_, n_iter_, converged_
        A row per iteration, their number, and whether the variances settled.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> table = pd.DataFrame(rng.normal(size=(400, 10))).add_prefix("x")
    >>> table["g"] = np.repeat(range(40), 10)
    >>> eta = 2 * table["x0"] + rng.normal(size=40)[table["g"]]
    >>> y = np.where(rng.logistic(size=400) < eta, "yes", "no")
    >>> model = PenalizedGeneralizedMixedModel("g", alpha=0.05).fit(table, y)
    >>> list(model.fixed_effects_.query("penalized and selected").index)
    ['x0', 'x5', 'x7']
    >>> model.predict_proba(table.head(2).assign(g=[0, 99])).round(2)[:, 1]
    array([0.6 , 0.56])
    """

    column_roles: ClassVar[tuple[str, ...]] = ("offset",)

    trace_: pd.DataFrame

    def __init__(
        self,
        groups: str | Sequence[str] | None = None,
        slopes: str | Sequence[str] | None = (),
        *,
        random: RandomSpecification | None = None,
        family: str = "binomial",
        link: str | None = None,
        penalty: str = "l1",
        alpha: float | Literal["cv"] = "cv",
        l1_ratio: float = 0.5,
        unpenalized: str | Sequence[str] | None = (),
        standardise: bool = True,
        n_alphas: int = 50,
        folds: Folds = 5,
        variances: str = "out_of_fold",
        max_iterations: int = 50,
        tol: float = 1e-4,
        n_quadrature: int = 1,
        callbacks: Callback | Sequence[Callback] | None = None,
        offset: str | None = None,
        known_groups: KnownGroups = "conditional",
        between: Between = False,
        unknown_levels: UnknownLevels = "refuse",
    ) -> None:
        self.groups = groups
        self.slopes = slopes
        self.random = random
        self.family = family
        self.link = link
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
        self.n_quadrature = n_quadrature
        self.callbacks = callbacks
        self.offset = offset
        self.known_groups = known_groups
        self.between = between
        self.unknown_levels = unknown_levels

    def fit(
        self,
        X: pd.DataFrame | ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X
            A table with the features and the columns that the parameters name; an
            array will do when no column is named.
        y
            Two labels, or counts.
        sample_weight
            How often each row counts: its log-likelihood is multiplied. Rows of weight
            zero are left out.
        """
        self._family()
        self._forget()
        if self.family == "binomial" and y is not None:
            self.classes_, y = encoded_classes(y)
        super().fit(X, y, sample_weight)
        return self

    @available_if(predicts_classes)  # type: ignore[untyped-decorator]
    def decision_function(self, X: pd.DataFrame | ArrayLike) -> FloatArray:
        """Return the linear predictor, with the effects of known levels.

        Parameters
        ----------
        X
            A table with the training table's columns.
        """
        return self.predict_linear(X)

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
        source, target, design = self._again(X, self._numbers(y))
        rows = self.columns_.rows(source, target, design)
        data = self._likelihood(rows, source)
        settings = self._settings(rows, Units())
        positions = self.columns_
        gamma = self.fixed_[positions.free]
        beta = self.fixed_[positions.penalised]
        gamma[0] += positions.centre @ beta
        covariances = self.random_part_.covariances
        objective, here = objective_at(data, covariances, settings, beta, gamma)
        shown, null = null_path(objective, here, self.n_alphas)
        if alphas is not None:
            shown = np.sort(np.asarray(alphas, dtype=np.float64))[::-1]
        stands = list(objective.path(shown, null))
        path = np.stack([stand.beta for stand in stands], axis=1)
        free = np.stack([stand.gamma for stand in stands], axis=1)
        return self._path_frame(shown, path, free)

    def _response_family(self) -> Family:
        return self._family()

    def _family(self) -> Family:
        return family_of(check_choice("family", self.family, FAMILIES), self.link)

    def _require_apart(self, design: RandomDesign) -> None:
        require_apart(design, rows_repeat=self.family != "binomial")

    def _check_quadrature(self, design: RandomDesign) -> None:
        check_integer("n_quadrature", self.n_quadrature, 1)
        effects = [factor.n_effects for factor in design.factors]
        if self.n_quadrature > 1 and effects not in ([], [1]):
            raise ValueError(
                f"`n_quadrature` = {self.n_quadrature} needs one grouping factor with "
                f"one effect, got {len(effects)} with {sum(effects)} in all; leave it "
                "at 1."
            )

    def _residual_folds(self, rows: PenalisedRows) -> tuple[Fold, ...] | None:
        """Return the folds behind the variances; none without a variance to find."""
        return super()._residual_folds(rows) if rows.design.factors else None

    def _numbers(self, y: Any) -> Any:
        """Return the target as numbers, by the classes of the fit."""
        if self.family != "binomial":
            return y
        check_is_fitted(self)
        return (np.asarray(y) == self.classes_[1]).astype(np.float64)

    def _learn_rows(self, training: Training, units: Units) -> PenalisedRows:
        family = self._family()
        family.require_target(training.target, np.ones(len(training.target)))
        if self.family == "binomial" and np.ptp(training.target) == 0.0:
            raise ValueError(
                "a binomial target must have two classes among the rows that count, "
                "got one; give rows of the other class a positive weight."
            )
        self._check_quadrature(training.design)
        rows = super()._learn_rows(training, units)
        return replace(rows, counts=training.sample_weight)

    def _offset(self, source: Columns) -> FloatArray:
        if self.offset is None:
            return np.zeros(len(source.table))
        return source.numeric(self.offset)

    def _data(self, rows: PenalisedRows, training: Training) -> LikelihoodRows:
        return self._likelihood(rows, training.source)

    def _likelihood(self, rows: PenalisedRows, source: Columns) -> LikelihoodRows:
        offset = self._offset(source)
        return likelihood_rows(rows, self._family(), offset, self.n_quadrature)

    def _rounds(
        self, rows: PenalisedRows, training: Training, settings: PenaltySettings
    ) -> Iterator[PenalisedRound]:
        free = self.columns_.free_columns(training.source)
        part = FreePart(free, training.source.ones)
        return laplace_rounds(self._data(rows, training), part, settings)

    def _final_fit(
        self,
        rows: PenalisedRows,
        training: Training,
        settings: PenaltySettings,
        last: PenalisedRound,
    ) -> PenalisedFit:
        assert last.gamma is not None
        data, covariances = self._data(rows, training), last.variances.relative
        objective, here = objective_at(
            data, covariances, settings, last.coefficients, last.gamma
        )
        found = objective.minimise(last.alpha, here)
        self._warn_of_separation(separated_columns(data, found))
        effects = tuple(np.asarray(b.T) for b in found.at.effects)
        return PenalisedFit(found.beta, found.gamma, effects, objective.scale)

    def _keep_uncertainty(self, training: Training) -> None:
        """Keep what the rows leave unknown of the effects, for rows known later."""
        design, counts = training.design, training.sample_weight
        eta = self._linear(training.source, design)
        weights = training.source.ones if counts is None else counts
        terms = self._family().terms(training.target, eta, weights)
        left = (design, terms.information, self.random_part_.covariances)
        self.uncertainty_ = learn_conditional(*left)

    def _warn_of_separation(self, columns: list[int] | None) -> None:
        if columns is None:
            return
        names = [self.columns_.names[self.columns_.free[k]] for k in columns]
        self.converged_ = False
        warnings.warn(
            f"unpenalised columns {names} separate the target, so their estimates grow "
            "without end; penalise, drop or coarsen them.",
            SeparationWarning,
            stacklevel=5,
        )

    def _fixed_part(self, source: Columns) -> FloatArray:
        return super()._fixed_part(source) + self._offset(source)
