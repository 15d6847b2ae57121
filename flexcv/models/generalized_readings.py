"""What a fitted generalised mixed model tells: tables, tests and predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.utils.validation import check_is_fitted

from flexcv.models.design.effects_table import deviation_tables
from flexcv.models.gaussian.comparison import criteria, ratio_table, require_comparable
from flexcv.models.gaussian.summary import Summary
from flexcv.models.laplace.engine import GeneralizedEstimate
from flexcv.models.laplace.families import Family

from ._validate import FloatArray
from .formula_model import AbstractFormulaModel
from .responses import AbstractFamilyModel


class AbstractGeneralizedModel(AbstractFormulaModel, AbstractFamilyModel):
    """A mixed model with linear fixed effects and any family of responses.

    Subclasses set ``estimate_``, ``family_`` and what goes with them in `_fit_design`.
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
        return _fixed_table(self.estimate_, self._kept_names())

    def _kept_names(self) -> list[str]:
        names = self.fixed_encoder_.names
        return [names[k] for k in self.estimate_.basis.kept]

    def conditional_sd(self) -> dict[str, pd.DataFrame]:
        """Give the standard deviations of the random effects given the data."""
        roots = [
            np.sqrt(np.maximum(np.einsum("naa->na", cov), 0.0))
            for cov in self.estimate_.conditional
        ]
        return deviation_tables(self.random_effects_, roots)

    def predict_mean(self, X: Any) -> FloatArray:
        r"""Give the expected outcome; a probability for two classes.

        Known levels enter with their predicted effect. Over the effects b of unknown
        levels, or of all under ``known_groups="population"``, it is averaged:
        :math:`E_b\,g^{-1}(\eta + z'b)`.

        Parameters
        ----------
        X
            A table with the columns that the model reads.
        """
        return self._with_gaps(X, super().predict_mean)

    def predict_linear(self, X: Any) -> FloatArray:
        """Give the linear predictor, with known effects, and zero for unknown ones.

        Parameters
        ----------
        X
            A table with the columns that the model reads.
        """
        return self._with_gaps(X, super().predict_linear)

    def summary(self) -> Summary:
        """Give the tables that people know, to print or to show in a notebook."""
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

    def likelihood_ratio_test(self, *others: AbstractGeneralizedModel) -> pd.DataFrame:
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

    def _described(self) -> str:
        """Give the model in one line, as a formula."""
        fixed = [n for n in self._kept_names() if n != "Intercept"] or ["1"]
        return " + ".join([*fixed, *(str(term) for term in self._terms())])

    def _response_family(self) -> Family:
        return self.family_


def _fixed_table(
    fitted: GeneralizedEstimate, names: list[str], level: float = 0.95
) -> pd.DataFrame:
    error = np.sqrt(np.maximum(fitted.beta_cov.diagonal(), 0.0))
    z = fitted.beta / np.where(error > 0.0, error, np.nan)
    reach = stats.norm.ppf(0.5 + 0.5 * level) * error
    columns = {
        "estimate": fitted.beta,
        "std_error": error,
        "z": z,
        "p": 2.0 * stats.norm.sf(np.abs(z)),
        "lower": fitted.beta - reach,
        "upper": fitted.beta + reach,
    }
    return pd.DataFrame(columns, index=pd.Index(names, name="name"))
