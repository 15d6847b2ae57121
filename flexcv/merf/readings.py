"""What can be asked of a fitted MERF: predictions, intervals, effects, convergence."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils import ClassifierTags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from flexcv.errors import ModelError
from flexcv.models.alternating.out_of_sample import predictions
from flexcv.models.base import RESIDUAL, AbstractMixedModel
from flexcv.models.design._effects import Columns
from flexcv.models.design._table import prediction_table
from flexcv.models.design.columns import RandomDesign
from flexcv.models.gaussian.conditional import (
    Uncertainty,
    normal_interval,
    unknown_variances,
)
from flexcv.models.gaussian.residual_effects import average_part, columns_of
from flexcv.models.laplace.families import Family, family_of
from flexcv.models.laplace.marginal import marginal_mean

FloatArray = npt.NDArray[np.float64]
FAMILIES = ("binomial", "poisson")


def _is_binomial(model: Any) -> bool:
    return bool(model.family == "binomial")


class AbstractMERF(AbstractMixedModel):
    """A fitted learner with the effects around it.

    Subclasses set the attributes below while fitting.
    """

    family: str | None
    keep_random_effects: bool
    learner_: Any
    learner_slope_: float
    average_effects_: pd.Series
    uncertainty_: Uncertainty
    trace_: pd.DataFrame
    classes_: npt.NDArray[Any]

    def predict(self, X: Any) -> Any:
        """Predict with the effects of known levels; without for unknown ones.

        For counts the mean, for two classes the more probable one.

        Parameters
        ----------
        X
            A table with the training table's columns.
        """
        if self.family is None:
            return super().predict(X)
        mean = self._mean_response(X)
        if self.family != "binomial":
            return mean
        return self.classes_[(mean > 0.5).astype(np.intp)]

    @available_if(_is_binomial)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> FloatArray:
        """Give the probability of each class, shape (n_rows, 2).

        Known levels have theirs at their own effects. A new level's is the mean
        probability over levels, not the probability of a level whose effect is zero.

        Parameters
        ----------
        X
            A table with the training table's columns.
        """
        second = self._mean_response(X)
        return np.column_stack([1.0 - second, second])

    def predict_linear(self, X: Any) -> FloatArray:
        """Predict on the scale of the link; an unknown level has the effect zero.

        Parameters
        ----------
        X
            A table with the training table's columns.
        """
        return super().predict(X)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Give the accuracy for two classes, and r2 for numbers.

        Parameters
        ----------
        X, y
            Rows to predict, and their outcome.
        sample_weight
            A weight per row.
        """
        metrics = importlib.import_module("sklearn.metrics")
        score = metrics.accuracy_score if _is_binomial(self) else metrics.r2_score
        return float(score(y, self.predict(X), sample_weight=sample_weight))

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
        predicted = self.predict(X)
        design = self._design(X)
        known = self.known_groups == "conditional"
        variance = self.sigma_**2 + self.uncertainty_.variances(design, known)
        return normal_interval(predicted, variance, level, X)

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
    def variance_components_(self) -> pd.DataFrame:
        """Variances of the effects, with correlations, and of the residual if any."""
        components = super().variance_components_
        if self.family is None:
            return components
        return components[components["group"] != RESIDUAL].reset_index(drop=True)

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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if self.family == "binomial":
            tags.estimator_type = "classifier"
            tags.regressor_tags = None
            tags.classifier_tags = ClassifierTags(multi_class=False)
        if self.family == "poisson":
            tags.target_tags.positive_only = True
        return tags

    def _mean_response(self, X: Any) -> FloatArray:
        """Give the mean at known effects, and over the effects of unknown levels."""
        linear, design = self.predict_linear(X), self._design(X)
        known = self.known_groups == "conditional"
        covariances = self.random_part_.covariances
        variance = unknown_variances(design, covariances, known)
        family = self._family()
        mean, new = family.mean(linear), variance > 0.0
        if new.any():
            mean[new] = marginal_mean(family, linear[new], variance[new])
        return mean

    def _design(self, X: Any) -> RandomDesign:
        check_is_fitted(self)
        source = Columns(prediction_table(self, X))
        return self.random_encoder_.design(source)

    def _family(self) -> Family:
        assert self.family is not None
        return family_of(self.family)

    def _fixed_part(self, source: Columns) -> FloatArray:
        table = self._learner_table(source.table)
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
