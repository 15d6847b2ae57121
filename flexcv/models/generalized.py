"""The generalised linear mixed model as a scikit-learn estimator."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from flexcv._signatures import readable
from flexcv.arrays import FloatArray, IntArray
from flexcv.errors import ConvergenceWarning, SeparationWarning
from flexcv.models.contract.base import RandomPart, Training
from flexcv.models.contract.formula_model import AbstractFormulaModel
from flexcv.models.contract.known_rows import KnownTarget
from flexcv.models.contract.responses import AbstractFamilyModel, mean_given
from flexcv.models.design._effects import Columns
from flexcv.models.design._identify import require_apart, require_groups_apart
from flexcv.models.design._notation import read_formula
from flexcv.models.design._tokens import written_name
from flexcv.models.design._tree import Call, Node
from flexcv.models.design.binary_labels import encoded_classes, success_shares
from flexcv.models.design.terms import RandomSpecification
from flexcv.models.design.validate import require_column, target_values
from flexcv.models.gaussian.comparison import criteria, ratio_table, require_comparable
from flexcv.models.gaussian.optimize import MAX_ITERATIONS
from flexcv.models.gaussian.summary import Summary
from flexcv.models.laplace.engine import (
    GeneralizedEstimate,
    Rows,
    first_guess_of,
    fixed_table,
    in_users_basis,
    laplace_problem,
    uncertainty_at,
)
from flexcv.models.laplace.families import Family, family_of
from flexcv.models.laplace.fit import fit_laplace
from flexcv.models.laplace.problem import LaplaceProblem
from flexcv.models.laplace.separation import looks_separated, separating_columns
from flexcv.models.laplace.unbounded import grows_without_end, warn_without_end
from flexcv.typing import Between, KnownGroups, NaAction, UnknownLevels

FEW_STEPS = 20  # of a search whose end is infinitely far


@readable
class GeneralizedLinearMixedModel(AbstractFormulaModel, AbstractFamilyModel):
    r"""Mixed model for yes or no, shares, counts and positive numbers.

    The mean of row i is :math:`g^{-1}(x_i'\beta + z_i'b)` with link g; random effects b
    of a level are normal. Their integral is approximated by Laplace's method, with the
    observed information, or by adaptive Gauss-Hermite quadrature, and all parameters
    are found together by maximum likelihood (Bates, Maechler, Bolker & Walker 2015,
    *Fitting linear mixed-effects models using lme4*, J. Stat. Softw. 67(1), and
    Pinheiro & Bates 1995, J. Comput. Graph. Stat. 4, 12-35).

    With ``family="binomial"`` and no `weights` it is a classifier: the target holds two
    classes of any kind, `predict` gives labels and `predict_proba` probabilities.
    Otherwise it is a regressor, and `predict` gives the expected response.

    Parameters
    ----------
    groups
        The grouping column; several columns are several factors.
    slopes
        Columns whose effect varies between the levels of (the first of) `groups`.
        They stay in the fixed part, too.
    family
        ``"binomial"``, ``"poisson"``, ``"negative_binomial"`` or ``"gamma"``.
    link
        ``"logit"``, ``"probit"`` or ``"cloglog"`` for the binomial family, ``"log"``
        for the others; None is the first.
    random
        The random part in lme4's notation, as a `RandomTerm` or a sequence of them;
        it replaces `groups` and `slopes`.
    formula
        The fixed part as a formula in R's notation, which may hold the random terms,
        too; by default all columns without another role.
    weights
        The column of weights: for the binomial family the numbers of trials, of which
        the target is the share or the count of successes, elsewhere multipliers of each
        row's log-likelihood; rows of 0 and 1 may have fractions. A target with values
        above one counts; where no count is above one, say so by a formula that begins
        with ``cbind(y, trials - y) ~``.
    offset
        The column that is added to the linear predictor, such as a logarithm of
        exposure.
    n_quadrature
        Nodes of quadrature; one is Laplace's approximation, more need one factor with
        one effect.
    known_groups
        ``"conditional"`` predicts known levels with their random effects,
        ``"population"`` every row as if its levels were new.
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

    Notes
    -----
    A new level's expected response is an average over all the levels it might be:
    `predict` and `predict_proba` integrate over its random effects. The response of a
    level whose effects are zero is another number, further from one half;
    ``model.family_.mean(model.predict_linear(table))`` gives it.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"x": rng.normal(size=600), "g": np.arange(600) % 30})
    >>> effect = 1.5 * rng.normal(size=30)[table["g"]]
    >>> chance = 1 / (1 + np.exp(-1 - table["x"] - effect))
    >>> y = np.where(rng.random(600) < chance, "yes", "no")
    >>> model = GeneralizedLinearMixedModel(groups="g").fit(table, y)
    >>> model.classes_.tolist(), bool(model.converged_)
    (['no', 'yes'], True)
    >>> new = pd.DataFrame({"x": [1.0, 1.0], "g": [3, 99]})
    >>> model.predict_proba(new)[:, 1].round(2)
    array([0.99, 0.76])
    """

    family: str
    estimate_: GeneralizedEstimate
    family_: Family
    dropped_: tuple[str, ...]
    n_rows_: int
    converged_: bool
    singular_: bool
    separated_: bool
    n_quadrature: int

    def __init__(
        self,
        groups: str | Sequence[str] | None = None,
        slopes: str | Sequence[str] | None = (),
        *,
        family: str = "binomial",
        link: str | None = None,
        random: RandomSpecification | None = None,
        formula: str | None = None,
        weights: str | None = None,
        offset: str | None = None,
        n_quadrature: int = 1,
        known_groups: KnownGroups = "conditional",
        between: Between = False,
        na_action: NaAction = "raise",
        unknown_levels: UnknownLevels = "refuse",
    ) -> None:
        self.groups = groups
        self.slopes = slopes
        self.family = family
        self.link = link
        self.random = random
        self.formula = formula
        self.weights = weights
        self.offset = offset
        self.n_quadrature = n_quadrature
        self.known_groups = known_groups
        self.between = between
        self.na_action = na_action
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
            The target, one value per row: two classes, shares, counts or positive
            numbers, as the family asks.
        sample_weight
            How often each row counts: its log-likelihood is multiplied, beside the
            column `weights`. Rows of weight zero are left out.
        """
        self._forget()
        family_of(self.family, self.link)
        return super().fit(X, y, sample_weight)

    @property
    def loglik_(self) -> float:
        """Marginal log-likelihood, all constants included."""
        check_is_fitted(self)
        return self.estimate_.loglik

    @property
    def criterion_(self) -> float:
        """-2 log-likelihood."""
        return -2.0 * self.loglik_

    @property
    def dispersion_(self) -> float:
        """Variance over squared mean (gamma), or size (negative binomial); else 1."""
        check_is_fitted(self)
        return self.estimate_.dispersion

    @property
    def n_parameters_(self) -> int:
        """Fixed effects, free covariance entries and the dispersion."""
        check_is_fitted(self)
        return len(self.estimate_.fit.parameters)

    @property
    def aic_(self) -> float:
        """Akaike's criterion."""
        return self.criterion_ + 2.0 * self.n_parameters_

    @property
    def bic_(self) -> float:
        """Schwarz's criterion, counting rows."""
        return self.criterion_ + float(np.log(self.n_rows_)) * self.n_parameters_

    @property
    def trace_(self) -> pd.DataFrame:
        """Each evaluation of the search: criterion and internal parameters."""
        check_is_fitted(self)
        trace = self.estimate_.fit.trace
        values = np.array([parameters for _, parameters in trace])
        columns = {f"parameter_{k}": line for k, line in enumerate(values.T)}
        criterion = [value for value, _ in trace]
        steps = range(1, len(trace) + 1)
        return pd.DataFrame({"iteration": steps, "criterion": criterion} | columns)

    @property
    def fixed_effects_(self) -> pd.DataFrame:
        """Fixed effects with standard errors, z tests and intervals.

        Errors come from the second derivatives of the marginal likelihood in all
        parameters together, so they count that the variances are estimated.
        """
        check_is_fitted(self)
        return fixed_table(self.estimate_, self._kept_names())

    def conditional_sd(self) -> dict[str, pd.DataFrame]:
        """Return the standard deviations of the random effects given the data."""
        roots = [
            np.sqrt(np.maximum(np.einsum("naa->na", cov), 0.0))
            for cov in self.estimate_.conditional
        ]
        return self._listings(roots)

    def predict_mean(self, X: pd.DataFrame | ArrayLike) -> FloatArray:
        r"""Return the expected outcome; a probability for two classes.

        Known levels enter with their predicted effect. Over the effects b of unknown
        levels, or of all under ``known_groups="population"``, it is averaged:
        :math:`E_b\,g^{-1}(\eta + z'b)`.

        Parameters
        ----------
        X
            A table with the columns that the model reads.
        """
        return self._with_gaps(X, super().predict_mean)

    def predict_linear(self, X: pd.DataFrame | ArrayLike) -> FloatArray:
        """Return the linear predictor, with known effects, and zero for unknown ones.

        Parameters
        ----------
        X
            A table with the columns that the model reads.
        """
        return self._with_gaps(X, super().predict_linear)

    def summary(self) -> Summary:
        """Return the tables that people know, to print or to show in a notebook."""
        check_is_fitted(self)
        method = "Laplace's approximation"
        if self.n_quadrature > 1:
            method = f"{self.n_quadrature}-point quadrature"
        figures = {
            "family": f"{self.family_.name} ({self.family_.link})",
            "log-likelihood": f"{self.loglik_:.4f}",
            "AIC": f"{self.aic_:.2f}",
            "BIC": f"{self.bic_:.2f}",
            "converged": "yes" if self.converged_ else "no",
            "rows": str(self.n_rows_),
        }
        if self.family_.has_dispersion:
            figures["dispersion"] = f"{self.dispersion_:.4g}"
        for encoder in self.random_encoder_.factors:
            figures[f"levels of {encoder.name}"] = str(len(encoder.levels))
        return Summary(
            f"Generalised linear mixed model fitted by {method}",
            figures,
            self.variance_components_.set_index(["group", "name"]),
            self.fixed_effects_,
            tuple(self._notes()),
        )

    def likelihood_ratio_test(
        self, *others: GeneralizedLinearMixedModel
    ) -> pd.DataFrame:
        """Compare with models nested in this one, or around it.

        Parameters
        ----------
        others
            Models of the same family and number of quadrature nodes, fitted to the
            same rows in the same order, with the same weights and offset.
        """
        check_is_fitted(self)
        models = [self, *others]
        fixed = require_comparable(models)
        rows = [criteria(m.loglik_, m.n_parameters_, m.n_rows_) for m in models]
        return ratio_table(rows, [model._described() for model in models], fixed)

    def _has_classes(self) -> bool:
        """Return whether the outcome is two classes: no numbers of trials are named."""
        return self.family == "binomial" and self.weights is None

    def _coded_target(self, y: Any) -> Any:
        if self._has_classes() and y is not None:
            self.classes_, y = encoded_classes(y)
        return y

    def _says_target(self, left: Node, name: Any) -> bool:
        """Hear ``cbind(successes, trials - successes)``, too."""
        if not isinstance(left, Call) or self.weights is None:
            return super()._says_target(left, name)
        column = written_name(left.inner[0].text) if left.inner else ""
        counted = f"cbind({column}, {written_name(str(self.weights))} - {column})"
        of_target = name is None or written_name(str(name)) == column
        return self.family == "binomial" and of_target and str(left) == counted

    def _shares(self, target: FloatArray, trials: FloatArray) -> FloatArray:
        """Return shares of successes where the binomial target counts them."""
        if self.family != "binomial" or self.weights is None:
            return target
        left = None if self.formula is None else read_formula(self.formula).left
        return success_shares(target, trials, counted=isinstance(left, Call))

    def _fit_design(self, training: Training) -> None:
        self.family_ = family_of(self.family, self.link)
        rows = self._rows(training)
        self._require_quadrature(rows)
        if rows.design.factors:
            repeat = self.weights is not None or self.family != "binomial"
            require_apart(rows.design, rows_repeat=repeat)
            require_groups_apart(training.terms, self._categories())
        problem, basis, order = laplace_problem(rows)
        self.dropped_ = self._dropped(list(rows.fixed), basis.kept)
        kind = f"{self.family_!r} with {self.n_quadrature} node(s)"
        shown = replace(training, target=rows.y)
        self.fingerprint_ = self._fingerprint(kind, shown, rows.fixed, basis.kept)
        start = first_guess_of(problem, rows, order)
        y, kept = rows.y[order], basis.kept
        self.separated_ = self._separates(problem, start, kept, y)
        steps = FEW_STEPS if self.separated_ else MAX_ITERATIONS
        fit = fit_laplace(problem, start, max_iterations=steps)
        if not self.separated_:
            self.separated_ = self._separates(problem, fit.parameters, kept, y)
        fitted = in_users_basis(fit, basis)
        loglik = fitted.loglik + self._constant_left(rows.y, training)
        self._keep(replace(fitted, loglik=loglik), rows)
        self._warn(rows)

    def _rows(self, training: Training) -> Rows:
        source = training.source
        self.fixed_encoder_ = self._learn_fixed(training)
        ones = source.ones
        trials = ones if self.weights is None else self._weights(source)
        weights = self._row_weights(training)
        target = self._shares(training.target, trials)
        self.family_.require_target(target, trials)
        return Rows(
            self.family_,
            target,
            ones if weights is None else weights,
            self._offset(source),
            self.fixed_encoder_.columns(source),
            training.design,
            ones,
            self.n_quadrature,
        )

    def _constant_left(self, y: FloatArray, training: Training) -> float:
        """Return what trials that count several times add to the log-likelihood.

        So many trials in one row would count the orders of successes of all together.
        """
        times = training.sample_weight
        if times is None or self.weights is None or self.family != "binomial":
            return 0.0
        trials = self._weights(training.source)
        each = times * self.family_.constant(y, trials)
        return float((each - self.family_.constant(y, times * trials)).sum())

    def _require_quadrature(self, rows: Rows) -> None:
        nodes = self.n_quadrature
        if isinstance(nodes, bool) or not isinstance(nodes, Integral) or nodes < 1:
            raise ValueError(
                f"`n_quadrature` must be a whole number from 1 on, got {nodes!r}; 1 is "
                "Laplace's approximation."
            )
        factors = rows.design.factors
        if nodes > 1 and [factor.n_effects for factor in factors] != [1]:
            raise ValueError(
                "quadrature needs one grouping factor with one random effect, got "
                f"{[factor.n_effects for factor in factors]} effects per factor; use "
                "n_quadrature=1."
            )

    def _separates(
        self,
        problem: LaplaceProblem,
        parameters: FloatArray,
        kept: IntArray,
        y: FloatArray,
    ) -> bool:
        """Look for a separating direction where a fit went far; warn of one."""
        beta = problem.point(parameters).beta
        if not looks_separated(beta, problem.fixed, problem.offset):
            return False
        columns = separating_columns(self.family_, y, problem.fixed)
        if columns is None:
            return False
        names = [self.fixed_encoder_.names[kept[k]] for k in columns]
        warnings.warn(
            f"fixed columns {names} separate the target, so their "
            "estimates grow without end; drop or coarsen them.",
            SeparationWarning,
            stacklevel=5,
        )
        return True

    def _keep(self, fitted: GeneralizedEstimate, rows: Rows) -> None:
        fit = fitted.fit
        self.estimate_ = fitted
        self.sigma_ = 1.0
        self.n_rows_ = len(rows.y)
        self.converged_ = fit.converged and not self.separated_
        self.singular_ = fit.singular
        self.n_iter_ = max(fit.n_iter, 1)
        coefficients = np.zeros(len(self.fixed_encoder_.names))
        coefficients[fitted.basis.kept] = fitted.beta
        self.coefficients_ = coefficients
        self.random_part_ = RandomPart(fitted.effects, fitted.covariances)
        self.uncertainty_ = uncertainty_at(fitted, rows)

    def _mean(self, X: Any, known: Any) -> FloatArray:
        if known is None:
            return self.predict_mean(X)
        given = self._without_gaps(known)
        return self._with_gaps(X, lambda rows: mean_given(self, rows, given))

    def _known_target(self, table: pd.DataFrame, y: Any) -> KnownTarget:
        """Return shares of successes and their trials where trials are named."""
        if self.weights is None:
            return super()._known_target(table, y)
        require_column(table, self.weights, "weights")
        trials = self._weights(Columns(table))
        outcome = self._shares(target_values(y, len(table)), trials)
        self.family_.require_target(outcome, trials)
        return KnownTarget(outcome, trials)

    def _warn(self, rows: Rows) -> None:
        fit, found = self.estimate_.fit, self.estimate_.covariances
        if grows_without_end(rows.family, rows.y, rows.design, found) or fit.unbounded:
            self.converged_ = False
            warn_without_end(stacklevel=5)
        elif not (fit.converged or self.separated_):
            warnings.warn(
                f"the search did not converge after {fit.n_iter} iterations; simplify "
                "the random part or rescale extreme columns.",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _notes(self) -> list[str]:
        notes = self._gap_notes()
        if self.singular_:
            notes.append("Singular fit: a variance is zero or a correlation is one.")
        if self.separated_:
            notes.append("Separated: some fixed effects have no finite estimate.")
        elif not self.converged_:
            notes.append("Not converged: do not trust these numbers.")
        if self.dropped_:
            notes.append(f"Dropped as redundant: {', '.join(self.dropped_)}.")
        return notes

    def _response_family(self) -> Family:
        return self.family_
