"""scikit-learn's scorers, by name, as functions of truth and prediction."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import sklearn.metrics as skm
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import UndefinedMetricWarning

from flexcv.errors import UndefinedScoreError

from .classes import class_codes
from .limits import limits_of
from .metric import RANKING, Metric
from .positive import ARGUMENT as POSITIVE
from .weights import takes_weights

# What scikit-learn's scorers of numbers compute; all its others score classes.
NUMBER_FUNCTIONS = (
    "r2_score",
    "explained_variance_score",
    "max_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_gamma_deviance",
    "mean_pinball_loss",
    "mean_tweedie_deviance",
    "mean_poisson_deviance",
    "mean_squared_error",
    "mean_squared_log_error",
    "median_absolute_error",
    "d2_absolute_error_score",
    "d2_pinball_score",
    "d2_tweedie_score",
    "root_mean_squared_error",
    "root_mean_squared_log_error",
)


# Functions that only look at the order of what they score.
OF_RANKS = ("roc_auc_score", "average_precision_score")


class _Echo(BaseEstimator):  # type: ignore[misc]
    """An estimator whose prediction is what it is given, for scorers."""

    def predict(self, X: Any) -> Any:
        return X


class _ClassEcho(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier whose prediction is what it is given."""

    def __init__(self, classes: Any = None) -> None:
        self.classes = classes
        self.classes_ = classes

    def predict(self, X: Any) -> Any:
        return X

    def decision_function(self, X: Any) -> Any:
        return np.array(X, dtype=float)  # scikit-learn may turn its sign

    def predict_proba(self, X: Any) -> Any:
        values = np.asarray(X, dtype=float)
        return np.column_stack([1.0 - values, values]) if values.ndim == 1 else values


class ScorerFunction:
    """One of scikit-learn's scorers as a function of (y_true, y_pred).

    Parameters
    ----------
    name
        One of scikit-learn's names, or what a scorer of the user's is called.
    given
        A scorer of the user's, as `make_scorer` gives it.
    """

    def __init__(self, name: str, given: Any = None) -> None:
        self.name = name
        self.given = given

    @property
    def _scorer(self) -> Any:
        return skm.get_scorer(self.name) if self.given is None else self.given

    @property
    def scores_numbers(self) -> bool:
        """Return whether it is a scorer of numbers, not of classes."""
        return self._scorer._score_func.__name__ in NUMBER_FUNCTIONS

    @property
    def scores_anything(self) -> bool:
        """Whether its function is one of the user's, of which nothing is known."""
        module = getattr(self._scorer._score_func, "__module__", "")
        return not module.startswith("sklearn.")

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the greatest value; an error counts below zero here."""
        scorer = self._scorer
        least, greatest = limits_of(scorer._score_func)
        return (least, greatest) if scorer._sign > 0 else (-greatest, -least)

    @property
    def response(self) -> str:
        """Return which method of a model it scores."""
        asked = self._scorer._response_method
        if RANKING in asked:
            return RANKING
        return "predict_proba" if "predict_proba" in asked else "predict"

    @property
    def scores_margins(self) -> bool:
        """Whether the size of a decision function counts, not its rank."""
        scorer = self._scorer
        name = getattr(scorer._score_func, "__name__", "")
        return scorer._response_method == RANKING and name not in OF_RANKS

    @property
    def takes_weights(self) -> bool:
        """Whether its function takes `sample_weight`."""
        return takes_weights(self._scorer._score_func)

    def __call__(
        self,
        y_true: Any,
        y_pred: Any,
        classes: Sequence[Any] = (),
        sample_weight: Any = None,
    ) -> float:
        """Score; texts are numbered in their order first, so the last is positive."""
        if not len(classes):
            return self._of_numbers(y_true, y_pred, sample_weight)
        labels = np.asarray(classes)
        scorer = self._scorer
        are_numbers = labels.dtype.kind in "iufb" and list(classes) == sorted(classes)
        if not are_numbers:
            scorer = _of_codes(scorer, classes)
            y_true = class_codes(y_true, classes)
            if self.response == "predict":
                y_pred = class_codes(y_pred, classes)
            labels = np.arange(len(classes))
        elif self.response == "predict":
            y_pred = np.asarray(y_pred).astype(labels.dtype)
        return _of_classes(scorer, y_true, y_pred, labels, sample_weight)

    def _of_numbers(self, y_true: Any, y_pred: Any, weights: Any) -> float:
        try:
            return float(self._scorer(_Echo(), y_pred, y_true, sample_weight=weights))
        except ValueError as error:
            if "deviance" not in self.name:
                raise
            raise UndefinedScoreError(_first_sentence(error)) from error


def _of_classes(
    scorer: Any, y_true: Any, y_pred: Any, labels: Any, weights: Any
) -> float:
    """Score classes; where scikit-learn cannot, say its reason."""
    echo = _ClassEcho(labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that a fold lacks
        warnings.simplefilter("error", UndefinedMetricWarning)
        try:
            truth = np.asarray(y_true)
            value = float(scorer(echo, y_pred, truth, sample_weight=weights))
        except (ValueError, UndefinedMetricWarning) as error:
            raise UndefinedScoreError(_first_sentence(error)) from error
    if np.isnan(value):
        raise UndefinedScoreError("scikit-learn gives no number for these rows")
    return value


def _of_codes(scorer: Any, classes: Sequence[Any]) -> Any:
    """Return a scorer of numbered classes: its positive class is numbered, too."""
    if scorer._kwargs.get(POSITIVE) not in classes:
        return scorer
    numbered = copy.copy(scorer)
    place = list(classes).index(scorer._kwargs[POSITIVE])
    numbered._kwargs = {**scorer._kwargs, POSITIVE: place}
    return numbered


def _first_sentence(error: Exception) -> str:
    return str(error).split(". ")[0].split("\n")[0].rstrip(".")


def metric_of(scorer: Any) -> Metric:
    """Make a metric of one of scikit-learn's scorers.

    Parameters
    ----------
    scorer
        Its name, or what `make_scorer` gave; that is called by its function and the
        arguments that were filled in.

    Examples
    --------
    >>> metric_of(skm.make_scorer(skm.fbeta_score, beta=2)).name
    'fbeta_score(beta=2)'
    """
    if isinstance(scorer, str):
        function = ScorerFunction(scorer)
    else:
        function = ScorerFunction(_called(scorer), scorer)
    is_number = function.scores_numbers
    return Metric(
        function.name, function, True, function.response, takes_classes=not is_number
    )


def is_scorer_object(value: Any) -> bool:
    """Whether something is what `make_scorer` gives."""
    return hasattr(value, "_score_func") and hasattr(value, "_response_method")


def _called(scorer: Any) -> str:
    filled = ", ".join(f"{name}={value!r}" for name, value in scorer._kwargs.items())
    name = scorer._score_func.__name__
    return f"{name}({filled})" if filled else name


def is_scorer(metric: Metric) -> bool:
    """Return whether a metric is one of scikit-learn's scorers, by its own name."""
    function = metric.function
    if not isinstance(function, ScorerFunction) or function.given is not None:
        return False
    return function.name == metric.name
