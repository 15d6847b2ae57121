"""Ordinary least squares, the plain model that mixed models are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
import statsmodels.api as sm
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from flexcv._checks import check_choice
from flexcv._migration import attributes_of
from flexcv._signatures import readable
from flexcv.arrays import FloatArray
from flexcv.models.design._effects import UNKNOWN_LEVELS, Columns
from flexcv.models.design._table import prediction_table, training_table
from flexcv.models.design.columns import FixedEncoder, RandomEncoder, learn_fixed
from flexcv.models.design.validate import sample_weights, target_values
from flexcv.typing import UnknownLevels


@readable
class LinearModel(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Ordinary least squares through statsmodels, y = X beta + e.

    With weights it is weighted least squares. Categorical columns are coded by
    treatment; an intercept is added.

    Parameters
    ----------
    unknown_levels
        What becomes of a row with a level of a category that training did not show:
        ``"refuse"`` raises; ``"zero"`` gives the column no effect, its columns of the
        design being at their averages over training; ``"missing"`` predicts NaN.

    Attributes
    ----------
    result_
        The fitted statsmodels result.
    coef_, intercept_
        The slopes and the intercept.
    fixed_effects_
        Coefficients with standard errors, tests and intervals.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0]})
    >>> model = LinearModel().fit(table, [1.0, 3.0, 5.0, 7.0])
    >>> model.predict(pd.DataFrame({"x": [10.0]})).round(6)
    array([21.])
    """

    result_: Any
    fixed_encoder_: FixedEncoder
    random_encoder_: RandomEncoder

    if not TYPE_CHECKING:
        __getattr__ = attributes_of("flexcv.models.LinearModel")

    def __init__(self, *, unknown_levels: UnknownLevels = "refuse") -> None:
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
            A table or an array of features.
        y
            The target, one number per row.
        sample_weight
            Precisions of the rows: a row of weight w has the residual variance
            sigma^2 / w. Rows of weight zero are left out.
        """
        check_choice("unknown_levels", self.unknown_levels, UNKNOWN_LEVELS)
        table, target = training_table(self, X, y, named=False)
        self.fixed_encoder_ = learn_fixed(table)
        self.random_encoder_ = RandomEncoder(())
        values = target_values(target, len(table))
        design = np.column_stack(self.fixed_encoder_.columns(Columns(table)))
        if sample_weight is None:
            self.result_ = sm.OLS(values, design).fit()
        else:
            weights = sample_weights(sample_weight, len(table))
            used = weights > 0.0
            self.result_ = sm.WLS(values[used], design[used], weights[used]).fit()
        self.result_.model.data.xnames = list(self.fixed_encoder_.names)
        coefficients = np.asarray(self.result_.params)
        self.intercept_ = float(coefficients[0])
        self.coef_ = coefficients[1:]
        return self

    @property
    def fixed_effects_(self) -> pd.DataFrame:
        """Coefficients with standard errors, t tests and 95 % intervals."""
        check_is_fitted(self)
        result = self.result_
        lower, upper = np.asarray(result.conf_int()).T
        columns = {
            "estimate": result.params,
            "std_error": result.bse,
            "df": float(result.df_resid),
            "t": result.tvalues,
            "p": result.pvalues,
            "lower": lower,
            "upper": upper,
        }
        names = pd.Index(self.fixed_encoder_.names, name="name")
        return pd.DataFrame(columns, index=names)

    def predict(self, X: pd.DataFrame | ArrayLike) -> FloatArray:
        """Predict for a table with the training table's columns."""
        check_is_fitted(self)
        source = Columns(prediction_table(self, X), self.unknown_levels)
        design = np.column_stack(self.fixed_encoder_.columns(source))
        coefficients = np.append(self.intercept_, self.coef_)
        return source.predicted(np.asarray(design @ coefficients))

    def summary(self) -> Any:
        """Return statsmodels' summary: a table that prints and shows as HTML."""
        check_is_fitted(self)
        return self.result_.summary(xname=list(self.fixed_encoder_.names))
