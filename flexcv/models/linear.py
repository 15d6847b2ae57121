"""The linear mixed-effects model as a scikit-learn estimator."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from flexcv.errors import ConvergenceWarning
from flexcv.models.design._effects import Columns
from flexcv.models.design._identify import (
    require_groups_apart,
    require_identifiable,
    require_residual_left,
    require_residuals,
)
from flexcv.models.gaussian.engine import (
    Estimate,
    estimate,
    has_large_variance,
    search_table,
)
from flexcv.models.gaussian.rows import sums_and_basis

from ._validate import FloatArray
from .base import RandomPart, Training
from .readings import AbstractLinearMixedModel


class LinearMixedEffectsModel(AbstractLinearMixedModel):
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
    na_action
        ``"raise"`` refuses missing values; ``"drop"`` leaves out rows that lack a value
        which the model reads, counts them in ``n_dropped_rows_`` and predicts NaN.

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

    def __init__(
        self,
        groups: Any = None,
        slopes: Any = (),
        *,
        random: Any = None,
        formula: str | None = None,
        reml: bool = True,
        weights: Any = None,
        offset: Any = None,
        known_groups: str = "conditional",
        na_action: str = "raise",
    ) -> None:
        self.groups = groups
        self.slopes = slopes
        self.random = random
        self.formula = formula
        self.reml = reml
        self.weights = weights
        self.offset = offset
        self.known_groups = known_groups
        self.na_action = na_action

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
