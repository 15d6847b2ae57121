"""Predictions on the scale of the outcome: classes, probabilities and means."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.metrics import accuracy_score
from sklearn.utils import ClassifierTags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from flexcv.arrays import FloatArray
from flexcv.models.design.binary_labels import known_classes
from flexcv.models.design.gaps import blanked
from flexcv.models.gaussian.conditional import normal_interval, unknown_variances
from flexcv.models.laplace.families import Family
from flexcv.models.laplace.marginal import marginal_mean
from flexcv.typing import KnownRows

from .base import AbstractMixedModel
from .known_rows import KnownTarget, predictor_given

GAUSSIAN = "gaussian"


def predicts_classes(model: AbstractFamilyModel) -> bool:
    """Return whether the outcome is one of two classes."""
    return model._has_classes()


class AbstractFamilyModel(AbstractMixedModel):
    """A mixed model of any outcome; for two classes it is a classifier.

    Subclasses say what the family is (`_response_family`, None for a normal outcome)
    and set ``classes_`` while fitting a classifier.
    """

    family: str | None
    classes_: npt.NDArray[Any]

    @abstractmethod
    def _response_family(self) -> Family | None:
        """Return distribution and link; None for a normal outcome."""

    def _link_family(self) -> Family | None:
        return self._response_family()

    def _has_classes(self) -> bool:
        return self.family == "binomial"

    def _is_normal(self) -> bool:
        return self.family in {None, GAUSSIAN}

    def _family_name(self) -> str | None:
        """Return the family's name; None for a normal outcome."""
        return None if self._is_normal() else self.family

    def predict(
        self, X: pd.DataFrame | ArrayLike, known: KnownRows | None = None
    ) -> npt.NDArray[Any]:
        """Return the expected outcome, or the more probable class.

        Known levels enter with their predicted effects. The outcome of unknown ones
        is averaged over the effects they might have.

        Parameters
        ----------
        X
            A table with the training table's columns.
        known
            Rows that became known after the fit, as a pair: a table with the training
            table's columns, groups among them, and its outcome. They may be of new
            groups or of those that training showed. Effects are updated given the fit,
            which stays; of an outcome that is not normal they are the conditional
            modes, as in training. Group means of features (`between`) count these rows
            among the rows at hand.
        """
        mean = self._mean(X, known)
        return labels_at(self.classes_, mean) if self._has_classes() else mean

    @available_if(predicts_classes)  # type: ignore[untyped-decorator]
    def predict_proba(
        self, X: pd.DataFrame | ArrayLike, known: KnownRows | None = None
    ) -> FloatArray:
        """Return the probabilities of both classes, in the order of ``classes_``.

        Known levels have theirs at their own effects. A new level's is the mean
        probability over levels, not the probability of a level whose effect is zero.

        Parameters
        ----------
        X
            A table with the training table's columns.
        known
            As in `predict`.

        Returns
        -------
        Shape (n_rows, 2).
        """
        mean = self._mean(X, known)
        return np.column_stack([1.0 - mean, mean])

    def predict_mean(self, X: pd.DataFrame | ArrayLike) -> FloatArray:
        r"""Return the expected outcome; a probability for two classes.

        Known levels enter with their predicted effect. Over the effects b of unknown
        levels, or of all under ``known_groups="population"``, it is averaged:
        :math:`E_b\,g^{-1}(\eta + z'b)`.

        Parameters
        ----------
        X
            A table with the training table's columns.
        """
        check_is_fitted(self)
        family = self._response_family()
        return self.predict_linear(X) if family is None else mean_at(self, X, family)

    def _mean(self, X: Any, known: Any) -> FloatArray:
        """Return the expected outcome, given known rows where there are some."""
        check_is_fitted(self)
        return self.predict_mean(X) if known is None else mean_given(self, X, known)

    def _known_target(self, table: pd.DataFrame, y: Any) -> KnownTarget:
        numbers = known_classes(y, self.classes_) if self._has_classes() else y
        target = super()._known_target(table, numbers)
        family = self._response_family()
        if family is not None and not self._has_classes():
            family.require_target(target.outcome, target.weights)
        return target

    def predict_linear(self, X: pd.DataFrame | ArrayLike) -> FloatArray:
        """Return the linear predictor, with known effects, and zero for unknown ones.

        The mean at it is the outcome of a group whose effects happen to be zero, not
        the average outcome of a new group, which `predict_mean` gives.

        Parameters
        ----------
        X
            A table with the training table's columns.
        """
        return np.asarray(super().predict(X))

    def score(
        self,
        X: pd.DataFrame | ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        """Return the accuracy for two classes, else the coefficient of determination.

        Parameters
        ----------
        X
            A table with the training table's columns.
        y
            The true outcome.
        sample_weight
            Weights of the rows.
        """
        if not self._has_classes():
            return float(super().score(X, y, sample_weight))
        predicted = self.predict(X)
        return float(accuracy_score(y, predicted, sample_weight=sample_weight))

    def _has_residual(self) -> bool:
        return self._is_normal()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if self._has_classes():
            tags.estimator_type = "classifier"
            tags.classifier_tags = ClassifierTags(multi_class=False)
            tags.regressor_tags = None
        else:
            tags.target_tags.positive_only = not (
                self._is_normal() or self.family == "binomial"
            )
        return tags


def labels_at(classes: npt.NDArray[Any], mean: FloatArray) -> npt.NDArray[Any]:
    """Return the more probable of two classes, and NaN where the mean is NaN.

    Examples
    --------
    >>> labels_at(np.array(["no", "yes"]), np.array([0.2, np.nan])).tolist()
    ['no', nan]
    """
    labels: npt.NDArray[Any] = classes[(mean > 0.5).astype(np.intp)]
    is_lost = np.isnan(mean)
    return blanked(labels, is_lost) if is_lost.any() else labels


def mean_at(model: AbstractMixedModel, X: Any, family: Family) -> FloatArray:
    """Return the mean of known levels at their effects, of unknown ones over theirs.

    Parameters
    ----------
    model
        Fitted on the scale of the link.
    X
        A table with the training table's columns.
    family
        Distribution and link.
    """
    source = model._source(X)
    design = model._known_design(source)
    linear = model._linear(source, design)
    variance = unknown_variances(design, model.random_part_.covariances)
    return marginal_mean(family, linear, variance)


def mean_given(model: AbstractMixedModel, X: Any, known: Any) -> FloatArray:
    """Return the mean given known rows, whose levels then are at their new effects."""
    linear, design = predictor_given(model, X, known)
    family = model._link_family()
    if family is None:
        return linear
    variance = unknown_variances(design, model.random_part_.covariances)
    return marginal_mean(family, linear, variance)


def new_row_interval(model: Any, X: Any, level: float) -> pd.DataFrame:
    """Return prediction, lower and upper for a new row of each group.

    Parameters
    ----------
    model
        Fitted to a normal outcome; its ``uncertainty_`` tells of the effects.
    X
        A table with the training table's columns.
    level
        Coverage of the intervals.
    """
    check_is_fitted(model)
    source = model._source(X)
    design = model._known_design(source)
    variance = model.sigma_**2 + model.uncertainty_.variances(design)
    return normal_interval(model._linear(source, design), variance, level, X)
