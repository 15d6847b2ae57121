"""From which probability on a row is called positive: given, or chosen inside a fold.

A threshold is chosen on probabilities of training rows, each by a model that was fitted
to the other inner folds. Test rows are never looked at.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.pipeline import Pipeline

from flexcv._rounding import first_least, significant
from flexcv.arrays import BoolArray, FloatArray
from flexcv.dataset import Dataset
from flexcv.dataset.task import label_array
from flexcv.errors import CheckWarning, FlexcvError, UndefinedScoreError
from flexcv.metrics import ObjectiveScorer
from flexcv.model_mapping import ModelSpec
from flexcv.resampling import Fold

from .answers import class_probabilities
from .early_stopping import fit_part
from .unit_tuning import UnitSettings, inner_folds

USUAL = 0.5  # where nothing can be chosen
MOST_TRIED = 200  # thresholds that an objective is asked about


class AtThreshold(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier of two classes that predicts one from a chosen probability on.

    Parameters
    ----------
    estimator
        A classifier with `predict_proba`.
    threshold
        The least probability of the second class at which it is predicted.
    classes
        Both classes, the positive one last.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["no", "no", "yes", "yes"]
    >>> cautious = AtThreshold(LogisticRegression(), 0.01, ("no", "yes")).fit(X, y)
    >>> cautious.predict(X).tolist()
    ['yes', 'yes', 'yes', 'yes']
    """

    def __init__(
        self, estimator: Any, threshold: float = USUAL, classes: Sequence[Any] = ()
    ) -> None:
        self.estimator = estimator
        self.threshold = threshold
        self.classes = classes

    @classmethod
    def around(
        cls, fitted: Any, threshold: float, classes: Sequence[Any]
    ) -> AtThreshold:
        """Put a threshold around a model that is fitted already."""
        made = cls(fitted, threshold, classes)
        made.estimator_ = fitted
        return made

    def fit(self, X: Any, y: Any, **fit_params: Any) -> Self:
        """Fit a copy of the estimator."""
        self.estimator_ = clone(self.estimator).fit(X, y, **fit_params)
        return self

    @property
    def classes_(self) -> npt.NDArray[Any]:
        """The classes of the fitted estimator."""
        return np.asarray(self.estimator_.classes_)

    def predict_proba(self, X: Any, **further: Any) -> FloatArray:
        """Return the estimator's probabilities; it is handed further arguments."""
        return np.asarray(self.estimator_.predict_proba(X, **further))

    def predict(self, X: Any, **further: Any) -> npt.NDArray[Any]:
        """Return the positive class from the threshold on, otherwise the other."""
        name = type(self.estimator_).__name__
        table = class_probabilities(self.estimator_, X, self.classes, name, **further)
        assert table is not None, "a threshold asked of a model without probabilities"
        return labels_at(self.threshold, table[:, 1], self.classes)


def without_threshold(pipeline: Pipeline) -> Pipeline:
    """Return a fitted pipeline whose last step is the model itself."""
    name, last = pipeline.steps[-1]
    if not isinstance(last, AtThreshold):
        return pipeline
    return Pipeline([*pipeline.steps[:-1], (name, last.estimator_)])


def labels_at(
    threshold: float, probabilities: FloatArray, classes: Sequence[Any]
) -> npt.NDArray[Any]:
    """Return the second class where its probability reaches the threshold.

    Examples
    --------
    >>> labels_at(0.3, np.array([0.2, 0.3]), ("no", "yes")).tolist()
    ['no', 'yes']
    """
    codes = np.asarray(probabilities >= threshold, dtype=np.intp)
    return np.asarray(label_array(classes)[codes])


def threshold_of(
    estimator: Any,
    fold: Fold,
    spec: ModelSpec,
    dataset: Dataset,
    settings: UnitSettings,
) -> float | None:
    """Return the threshold of a model on one fold; None leaves it to the model.

    Parameters
    ----------
    estimator
        Unfitted, as it will be fitted to the fold; copies are fitted to inner folds.
    fold, spec, dataset, settings
        As `run_unit` takes them.
    """
    rule = spec.threshold
    if rule is None or not isinstance(rule, str):
        return rule
    truth, probabilities, weights = _out_of_fold(
        estimator, fold, spec, dataset, settings
    )
    classes = dataset.task.classes
    if rule == "youden":
        positive = np.asarray(truth == classes[1], dtype=np.bool_)
        return youden_threshold(positive, probabilities, weights)
    objective = settings.tuning.objective.among(classes)
    return objective_threshold(objective, truth, probabilities, weights, classes)


def youden_threshold(
    positive: BoolArray, probabilities: FloatArray, weights: FloatArray | None = None
) -> float:
    r"""Return the threshold with the largest sum of sensitivity and specificity.

    Parameters
    ----------
    positive
        Whether each row is of the positive class, shape (n_rows,).
    probabilities
        Of that class, shape (n_rows,).
    weights
        Of the rows; None weighs all alike.

    Notes
    -----
    .. math:: J(t) = \frac{\sum_i w_i y_i [p_i \ge t]}{\sum_i w_i y_i}
              + \frac{\sum_i w_i (1 - y_i) [p_i < t]}{\sum_i w_i (1 - y_i)} - 1

    Thresholds lie half-way between neighbouring probabilities; of equal ones the
    least is taken. Youden, W. J. (1950). Index for rating diagnostic tests. Cancer 3,
    32-35.

    Examples
    --------
    >>> cut = youden_threshold(np.array([False, True, True]), np.array([0.1, 0.3, 0.6]))
    >>> round(cut, 6)
    0.2
    """
    cuts, places = _cuts(probabilities)
    weighed = np.ones(len(places)) if weights is None else weights
    above = np.bincount(places, weighed * positive)
    below = np.bincount(places, weighed * ~positive)
    if not (len(cuts) and above.any() and below.any()):
        return _nothing_to_choose()
    sensitivity = 1.0 - np.cumsum(above)[:-1] / above.sum()
    specificity = np.cumsum(below)[:-1] / below.sum()
    return float(cuts[first_least(-(sensitivity + specificity))])


def objective_threshold(
    objective: ObjectiveScorer,
    truth: Any,
    probabilities: FloatArray,
    weights: FloatArray | None,
    classes: Sequence[Any],
) -> float:
    """Return the threshold that an objective of predicted classes likes best.

    Parameters
    ----------
    objective
        Of (y_true, y_pred); of very many thresholds an even choice is tried.
    truth
        True classes, shape (n_rows,).
    probabilities, weights
        As in `youden_threshold`.
    classes
        Both classes, the positive one last.
    """
    cuts, _ = _cuts(probabilities)
    if not len(cuts):
        return _nothing_to_choose()
    number = min(len(cuts), MOST_TRIED)
    cuts = cuts[np.linspace(0, len(cuts) - 1, number).round().astype(np.intp)]
    sign = -1.0 if objective.greater_is_better else 1.0

    def loss(cut: float) -> float:
        predicted = labels_at(cut, probabilities, classes)
        return sign * _scored(objective, truth, predicted, weights)

    losses = np.array([loss(cut) for cut in cuts])
    if not np.isfinite(losses).any():
        return _nothing_to_choose()
    return float(cuts[first_least(np.where(np.isfinite(losses), losses, np.inf))])


def _scored(objective: Callable[..., float], *arrays: Any) -> float:
    truth, predicted, weights = arrays
    try:
        return objective(truth, predicted, sample_weight=weights)
    except UndefinedScoreError:
        return float(np.nan)


def _cuts(probabilities: FloatArray) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """Return the middles between distinct probabilities, and each row's place."""
    levels, places = np.unique(significant(probabilities), return_inverse=True)
    return (levels[1:] + levels[:-1]) / 2.0, places


def _nothing_to_choose() -> float:
    warnings.warn(
        f"no threshold is better than another on the inner folds, so {USUAL} is taken.",
        CheckWarning,
        stacklevel=2,
    )
    return USUAL


def _out_of_fold(
    estimator: Any,
    fold: Fold,
    spec: ModelSpec,
    dataset: Dataset,
    settings: UnitSettings,
) -> tuple[npt.NDArray[Any], FloatArray, FloatArray | None]:
    """Predict the inner test parts; gives truth, probabilities and weights."""
    target = dataset.target.to_numpy()
    splits = [s for s in fold.inner if len(set(target[s.train])) == 2]
    if not splits:
        raise FlexcvError(
            f"threshold={spec.threshold!r} finds both classes in no inner training "
            "part; use split_in='StratifiedKFold', or a number."
        )
    tables = []
    for inside in inner_folds(estimator, splits, fold, spec, dataset, settings):
        model = clone(estimator)
        fit_part(model, *inside.training)
        name = type(model).__name__
        table = class_probabilities(model, inside.X_valid, inside.classes, name)
        assert table is not None, "a threshold asked of a model without probabilities"
        tables.append(table[:, 1])
    rows = np.concatenate([split.test for split in splits])
    weights = dataset.weights_for("objective", rows)
    return target[rows], np.concatenate(tables), weights
