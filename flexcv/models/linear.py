"""The linear mixed-effects model as a scikit-learn estimator."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from copy import copy
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from flexcv._migration import attributes_of
from flexcv._signatures import readable
from flexcv.arrays import FloatArray, IntArray
from flexcv.errors import ConvergenceWarning
from flexcv.models.contract.base import RandomPart, Training
from flexcv.models.contract.formula_model import AbstractFormulaModel
from flexcv.models.contract.numbers import numbers_of
from flexcv.models.design._effects import Columns
from flexcv.models.design._identify import (
    require_groups_apart,
    require_identifiable,
    require_residual_left,
    require_residuals,
)
from flexcv.models.design.terms import RandomSpecification
from flexcv.models.gaussian.bootstrap import bootstrap_intervals
from flexcv.models.gaussian.comparison import (
    Candidate,
    likelihood_ratio_table,
    require_comparable,
)
from flexcv.models.gaussian.draws import generator_of
from flexcv.models.gaussian.engine import (
    Estimate,
    estimate,
    has_large_variance,
    search_table,
)
from flexcv.models.gaussian.inference import (
    TrainedLevels,
    conditional_covariances,
)
from flexcv.models.gaussian.intervals import profile_intervals, require_level
from flexcv.models.gaussian.known_rows import LevelSpread
from flexcv.models.gaussian.left_out import LeftOut, Settings
from flexcv.models.gaussian.prediction import prediction_reach, simulated_effects
from flexcv.models.gaussian.rows import sums_and_basis
from flexcv.models.gaussian.summary import (
    Summary,
    fixed_effects_table,
    intraclass_shares,
)
from flexcv.typing import Between, KnownGroups, NaAction, Seed, UnknownLevels


@readable
class LinearMixedEffectsModel(AbstractFormulaModel):
    r"""Linear mixed-effects model, y = X beta + Z b + e, by REML or ML.

    Random effects b of a level are normal with covariance sigma^2 D, residuals e
    normal with variance sigma^2 / weight. D is found by minimising the profiled
    criterion of Bates, Maechler, Bolker & Walker (2015), *Fitting linear
    mixed-effects models using lme4*, J. Stat. Softw. 67(1).

    Parameters
    ----------
    groups
        The grouping column; several columns are several factors.
    slopes
        Columns whose effect varies between the levels of (the first of) `groups`.
        They stay in the fixed part, too.
    random
        The random part in lme4's notation, as a `RandomTerm` or a sequence of them;
        it replaces `groups` and `slopes`.
    formula
        The fixed part as a formula in R's notation, which may hold the random terms,
        too; by default all columns without another role.
    reml
        Whether to maximise the restricted likelihood.
    weights
        The column of weights. A weight is a precision: a row of weight w has the
        residual variance sigma^2 / w, as the mean of w measurements has. It is not w
        rows; to have w rows, repeat them.
    offset
        The column that is added to the prediction with coefficient one.
    known_groups
        ``"conditional"`` predicts known levels with their random effects,
        ``"population"`` every row without.
    between
        Whether group means of the features are features too, for slopes that differ
        within and between groups: ``"auto"`` is yes where
        `flexcv.preprocessing.contextual_effects` finds that they do.
    na_action
        ``"raise"`` refuses missing values; ``"drop"`` leaves out rows that lack a value
        which the model reads, counts them in ``n_dropped_rows_`` and predicts NaN.
    unknown_levels
        What becomes of a row with a level of a category that training did not show:
        ``"refuse"`` raises; ``"zero"`` gives the column no effect, its columns of the
        design being at their averages over training; ``"missing"`` predicts NaN.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(1)
    >>> table = pd.DataFrame({"x": rng.normal(size=60), "g": np.repeat(range(6), 10)})
    >>> y = 2 * table["x"] + table["g"] + 0.1 * rng.normal(size=60)
    >>> model = LinearMixedEffectsModel(groups="g").fit(table, y)
    >>> model.converged_
    True
    >>> new = pd.DataFrame({"x": [0.0, 0.0], "g": [5, 99]})
    >>> model.predict(new).round(1)
    array([5. , 2.5])
    """

    estimate_: Estimate
    dropped_: tuple[str, ...]
    criterion_: float
    converged_: bool
    singular_: bool
    reml: bool

    if not TYPE_CHECKING:
        __getattr__ = attributes_of("flexcv.models.LinearMixedEffectsModel")

    def __init__(
        self,
        groups: str | Sequence[str] | None = None,
        slopes: str | Sequence[str] | None = (),
        *,
        random: RandomSpecification | None = None,
        formula: str | None = None,
        reml: bool = True,
        weights: str | None = None,
        offset: str | None = None,
        known_groups: KnownGroups = "conditional",
        between: Between = False,
        na_action: NaAction = "raise",
        unknown_levels: UnknownLevels = "refuse",
    ) -> None:
        self.groups = groups
        self.slopes = slopes
        self.random = random
        self.formula = formula
        self.reml = reml
        self.weights = weights
        self.offset = offset
        self.known_groups = known_groups
        self.between = between
        self.na_action = na_action
        self.unknown_levels = unknown_levels

    @property
    def trace_(self) -> pd.DataFrame:
        """How the search for the variances went: iteration, criterion and theta.

        Row 0 is where it began; the last is where it ended. A model without random
        effects searches nothing and has no trace.
        """
        check_is_fitted(self)
        if not self.estimate_.problem.shapes:
            raise AttributeError("a model without random effects has no `trace_`.")
        return search_table(self.estimate_)

    @property
    def theta_(self) -> FloatArray:
        """Free entries of the relative covariance factors, as lme4 stacks them."""
        check_is_fitted(self)
        shapes = self.estimate_.problem.shapes
        parts = [
            s.theta(f) for s, f in zip(shapes, self.estimate_.factors, strict=True)
        ]
        return np.concatenate([np.zeros(0), *parts])

    @property
    def loglik_(self) -> float:
        """Log-likelihood, restricted when fitted by REML."""
        return -0.5 * self.criterion_

    @property
    def n_parameters_(self) -> int:
        """Fixed effects, free covariance entries and the residual variance."""
        return len(self.estimate_.beta) + len(self.theta_) + 1

    @property
    def aic_(self) -> float:
        """Akaike's criterion."""
        return self.criterion_ + 2.0 * self.n_parameters_

    @property
    def bic_(self) -> float:
        """Schwarz's criterion."""
        n_rows = self.estimate_.problem.sums.n_rows
        return self.criterion_ + float(np.log(n_rows)) * self.n_parameters_

    @property
    def fixed_effects_(self) -> pd.DataFrame:
        """Fixed effects with standard errors and Satterthwaite's t tests."""
        check_is_fitted(self)
        return fixed_effects_table(self.estimate_, self._kept_names())

    def icc(self) -> pd.Series:
        """Return each factor's share of a row's variance, given the fixed part."""
        check_is_fitted(self)
        names = [encoder.name for encoder in self.random_encoder_.factors]
        return pd.Series(intraclass_shares(self.estimate_), index=names, name="icc")

    def conditional_sd(self) -> dict[str, pd.DataFrame]:
        """Return the standard deviations of the random effects given the data."""
        check_is_fitted(self)
        covs = conditional_covariances(self.estimate_)
        roots = [np.sqrt(np.maximum(np.einsum("naa->na", c), 0.0)) for c in covs]
        return self._listings(roots)

    def summary(self) -> Summary:
        """Return the tables that people know, to print or to show in a notebook."""
        check_is_fitted(self)
        method = "REML" if self.reml else "maximum likelihood"
        figures = {
            "log-likelihood": f"{self.loglik_:.4f}",
            "criterion (-2 log-likelihood)": f"{self.criterion_:.4f}",
            "AIC": f"{self.aic_:.2f}",
            "BIC": f"{self.bic_:.2f}",
            "converged": "yes" if self.converged_ else "no",
            "rows": str(self.estimate_.problem.sums.n_rows),
        }
        for encoder in self.random_encoder_.factors:
            figures[f"levels of {encoder.name}"] = str(len(encoder.levels))
        return Summary(
            f"Linear mixed model fitted by {method}",
            figures,
            self.variance_components_.set_index(["group", "name"]),
            self.fixed_effects_,
            tuple(self._notes()),
        )

    def predict_interval(
        self, X: pd.DataFrame | ArrayLike, level: float = 0.95
    ) -> pd.DataFrame:
        """Predict with an interval for a new observation.

        The interval counts the residual, what is unknown of the random effects
        (everything, for an unknown level) and what is unknown of the fixed effects.

        Parameters
        ----------
        X
            A table with the training table's columns.
        level
            Coverage of the intervals.
        """
        check_is_fitted(self)
        require_level(level)
        names = ["prediction", "lower", "upper"]
        values = self._with_gaps(X, partial(self._interval, level), (len(names),))
        index = X.index if isinstance(X, pd.DataFrame) else None
        return pd.DataFrame(values, index=index, columns=names)

    def simulate(
        self, X: pd.DataFrame | ArrayLike, n_draws: int = 1, random_state: Seed = None
    ) -> pd.DataFrame:
        """Draw new targets for a table, with new random effects for every level.

        Factors have the variances, and columns the coding, that training learned.

        Parameters
        ----------
        X
            A table with the training table's columns.
        n_draws
            How many columns of targets to draw.
        random_state
            A seed or a generator.
        """
        check_is_fitted(self)
        source, rng = self._source(X), generator_of(random_state)
        design = self.random_encoder_.redrawn(source)
        fixed = self._fixed_part(source)
        sd = self.sigma_ / np.sqrt(self._new_weights(source))
        sizes = [factor.n_levels for factor in design.factors]
        draws = []
        for _ in range(n_draws):
            effects = simulated_effects(self.estimate_, sizes, rng)
            noise = sd * rng.normal(size=len(sd))
            draws.append(source.predicted(fixed + design.effects_sum(effects) + noise))
        return pd.DataFrame(np.column_stack(draws), index=source.table.index)

    def profile_intervals(self, level: float = 0.95) -> pd.DataFrame:
        """Return profile-likelihood intervals of all parameters.

        Parameters
        ----------
        level
            Coverage of the intervals.
        """
        check_is_fitted(self)
        require_level(level)
        return profile_intervals(
            self.estimate_, self._kept_names(), self._groups(), level
        )

    def bootstrap_intervals(
        self, n_draws: int = 500, random_state: Seed = None, level: float = 0.95
    ) -> pd.DataFrame:
        """Return parametric-bootstrap intervals of all parameters.

        Parameters
        ----------
        n_draws
            How many data sets to draw from the fitted model.
        random_state
            A seed or a generator.
        level
            Coverage of the intervals.
        """
        check_is_fitted(self)
        require_level(level)
        return bootstrap_intervals(
            self.estimate_,
            self._kept_names(),
            self._groups(),
            n_draws=n_draws,
            rng=generator_of(random_state),
            level=level,
        )

    def likelihood_ratio_test(
        self, *others: LinearMixedEffectsModel, refit: bool = True
    ) -> pd.DataFrame:
        """Compare with models nested in this one, or around it.

        Parameters
        ----------
        others
            Models fitted to the same rows in the same order, with the same weights and
            offset.
        refit
            Whether restricted fits are refitted by maximum likelihood. Without that
            they are compared by their restricted likelihoods, and may differ in the
            random part only.
        """
        check_is_fitted(self)
        models = [self, *others]
        rows = require_comparable(models)
        candidates = [
            Candidate(model._described(), model.estimate_, own)
            for model, own in zip(models, rows, strict=True)
        ]
        return likelihood_ratio_table(candidates, refit=refit)

    def fits_without(
        self, X: pd.DataFrame, y: ArrayLike, *, scaled: bool = False
    ) -> Callable[[IntArray], tuple[Self, FloatArray] | None]:
        """Return the function that fits all rows but some, from sums over all rows.

        It gives a fitted model, and what that predicts for every row of `X`; or None
        for rows without which the others have to be fitted themselves, as where a
        variance is very large. The models are those of `fit`, but for rounding.

        Parameters
        ----------
        X
            The whole table, all its features numbers.
        y
            The target, one number per row.
        scaled
            Whether each model sees features standardised over its own training rows.

        Raises
        ------
        ValueError
            Where sums will not do: weights, an offset, categories, `between`, too many
            levels of crossed factors.

        Examples
        --------
        >>> import numpy as np, pandas as pd
        >>> rng = np.random.default_rng(1)
        >>> table = pd.DataFrame(
        ...     {"x": rng.normal(size=60), "g": np.repeat(range(6), 10)}
        ... )
        >>> y = 2 * table["x"] + table["g"] + 0.1 * rng.normal(size=60)
        >>> model = LinearMixedEffectsModel(groups="g")
        >>> fitted, predicted = model.fits_without(table, y)(np.arange(10))
        >>> again = clone(model).fit(table[10:], y[10:]).predict(table)
        >>> bool(np.abs(predicted - again).max() < 1e-9)
        True
        """
        model = clone(self)
        training = model._training(X, y)
        model.fixed_encoder_ = fixed = model._learn_fixed(training)
        roles = [getattr(model, role) for role in model.column_roles]
        if model.group_means_ is not None or any(role is not None for role in roles):
            raise ValueError("the model reads more than features and groups.")
        require_identifiable(training.design)
        require_groups_apart(training.terms, model._categories())
        is_conditional = self.known_groups == "conditional"
        numbers = numbers_of(training, fixed, model.random_encoder_)
        how = Settings(self.reml, is_conditional, scaled)
        return partial(model._without, LeftOut(numbers, how))

    def _without(
        self, left_out: LeftOut, rows: IntArray
    ) -> tuple[Self, FloatArray] | None:
        """Return the model of all rows but these, and its predictions for all rows."""
        found = left_out.without(rows)
        if found is None:
            return None
        fitted = copy(self)
        fitted.random_encoder_ = self.random_encoder_.with_levels(found.kept)
        fitted.dropped_, fitted.column_space_ = (), None
        fitted._keep(found.estimate)
        return fitted, found.predicted

    def _fit_design(self, training: Training) -> None:
        if not isinstance(self.reml, bool):
            raise TypeError(f"`reml` must be True or False, got {self.reml!r}.")
        source, design = training.source, training.design
        self.fixed_encoder_ = self._learn_fixed(training)
        columns = self.fixed_encoder_.columns(source)
        target = training.target - self._offset(source)
        if design.factors:
            require_identifiable(design)
            require_groups_apart(training.terms, self._categories())
        fitted = self._estimate(training, columns, target)
        if not fitted.minimum.converged:
            warnings.warn(
                "the variances did not converge after "
                f"{fitted.minimum.n_iter} iterations; simplify the random part.",
                ConvergenceWarning,
                stacklevel=3,
            )
        self._keep(fitted)

    def _estimate(
        self, training: Training, columns: list[FloatArray], target: FloatArray
    ) -> Estimate:
        """Fit from sums; beside a large variance from rows, which lose no digits."""
        design, weights = training.design, self._row_weights(training)
        rows = columns, design, target, weights, training.source.ones
        sums, basis = sums_and_basis(*rows)
        if design.factors:
            require_residuals(target, basis.kept, basis.target_scale)
        self.dropped_ = self._dropped(columns, basis.kept)
        self.fingerprint_ = self._fingerprint("normal", training, columns, basis.kept)
        blocks = [factor.blocks for factor in design.factors]
        fitted = estimate(sums, basis, blocks, reml=self.reml)
        if design.factors:
            require_residual_left(fitted.sigma, basis.target_scale)
        if has_large_variance(fitted):
            start = fitted.minimum.theta
            sums, basis = sums_and_basis(*rows, exact=True, known=fitted.beta)
            fitted = estimate(sums, basis, blocks, reml=self.reml, start=start)
        return fitted

    def _level_spread(self) -> LevelSpread:
        return TrainedLevels(self.estimate_)

    def _new_weights(self, source: Columns) -> FloatArray:
        if self.weights is None or self.weights not in source.table.columns:
            return np.ones(len(source.table))
        return self._weights(source)

    def _keep(self, fitted: Estimate) -> None:
        self.estimate_ = fitted
        self.sigma_ = fitted.sigma
        self.criterion_ = fitted.criterion
        self.converged_ = fitted.minimum.converged
        self.singular_ = fitted.singular
        self.n_iter_ = max(fitted.minimum.n_iter, 1)
        self.random_part_ = RandomPart(
            fitted.effects,
            tuple(fitted.sigma**2 * (f @ f.T) for f in fitted.factors),
        )
        coefficients = np.zeros(len(self.fixed_encoder_.names))
        coefficients[fitted.basis.kept] = fitted.beta
        self.coefficients_ = coefficients

    def _notes(self) -> list[str]:
        notes = self._gap_notes()
        if self.singular_:
            notes.append("Singular fit: a variance is zero or a correlation is one.")
        if not self.converged_:
            notes.append("Not converged: do not trust these numbers.")
        if self.dropped_:
            notes.append(f"Dropped as redundant: {', '.join(self.dropped_)}.")
        return notes

    def _interval(self, level: float, X: Any) -> FloatArray:
        """Return prediction, lower and upper bound of rows without missing values."""
        source = self._source(X)
        design = self._known_design(source)
        columns = self.fixed_encoder_.columns(source)
        kept = [columns[k] for k in self.estimate_.basis.kept]
        weights = self._new_weights(source)
        reach = prediction_reach(self.estimate_, kept, design, weights, level)
        centre = self._linear(source, design)
        return np.column_stack([centre, centre - reach, centre + reach])

    def _groups(self) -> list[tuple[str, tuple[str, ...]]]:
        return [(e.name, e.names) for e in self.random_encoder_.factors]
