"""What can be asked of a fitted MERF: predictions, intervals, effects, convergence."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from flexcv.errors import ModelError
from flexcv.models.alternating.out_of_sample import predictions
from flexcv.models.design._effects import Columns
from flexcv.models.gaussian.conditional import (
    Uncertainty,
)
from flexcv.models.gaussian.residual_effects import average_part, columns_of
from flexcv.models.laplace.families import Family, family_of
from flexcv.models.responses import AbstractFamilyModel, new_row_interval

FloatArray = npt.NDArray[np.float64]
FAMILIES = ("binomial", "poisson")


class AbstractMERF(AbstractFamilyModel):
    """A fitted learner with the effects around it.

    Subclasses set the attributes below while fitting.
    """

    keep_random_effects: bool
    learner_: Any
    learner_slope_: float
    average_effects_: pd.Series
    uncertainty_: Uncertainty
    trace_: pd.DataFrame

    def predict_interval(self, X: Any, level: float = 0.95) -> pd.DataFrame:
        """Predict with an interval for a new row of each group.

        Known levels add the conditional variance of their effects to sigma^2,
        unknown levels the variance of the effects themselves.

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
        if self.family is not None:
            raise ModelError(
                "`predict_interval` is for normal outcomes, and this model has "
                f"family={self.family!r}; use predict_proba, predict or predict_linear."
            )
        return new_row_interval(self, X, level)

    def plot_convergence(self, axes: Any = None) -> Any:
        """Draw likelihood, variances, change and validation loss by iteration.

        Parameters
        ----------
        axes
            Axes to draw on, one per picture; new ones by default.
        """
        check_is_fitted(self)
        drawing = importlib.import_module("flexcv.plots.iterations")
        return drawing.plot_iterations(self.trace_, axes)

    @property
    def random_effects_trace_(self) -> pd.DataFrame:
        """The predicted effects after each iteration: iteration, group, level."""
        check_is_fitted(self)
        if not self.keep_random_effects:
            raise AttributeError(
                "`random_effects_trace_` is kept with keep_random_effects=True."
            )
        return pd.concat(self._effects_kept, names=["iteration"])

    _effects_kept: dict[int, pd.DataFrame]

    def _response_family(self) -> Family | None:
        return None if self.family is None else family_of(self.family)

    def _fixed_part(self, source: Columns) -> FloatArray:
        table = self._learner_table(source.table)
        if not len(source.table):  # learners refuse to predict nothing
            return np.zeros(0)
        predicted = predictions(self.learner_, table, len(source.table))
        predicted *= self.learner_slope_
        if self.average_effects_.any():
            columns = columns_of(self.random_encoder_, source)
            predicted += average_part(columns, self._average())
        return predicted

    def _average(self) -> FloatArray:
        return np.asarray(self.average_effects_, dtype=np.float64)

    def _learner_table(self, table: pd.DataFrame) -> Any:
        """Give what the learner reads: a table where columns have names."""
        if not self._feature_names:
            raise ValueError(
                "`X` must have a feature beside the grouping columns, got none; add a "
                "column for the learner."
            )
        features = table[self._feature_names]
        return features if hasattr(self, "feature_names_in_") else features.to_numpy()

    _feature_names: list[Any]
