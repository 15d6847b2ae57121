"""What tuning makes small, or large, on the inner folds."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from flexcv.arrays import FloatArray
from flexcv.errors import UndefinedScoreError

from .classes import error_rate, log_loss
from .known import named_metric, one_metric
from .metric import RANKING, Metric, check_response
from .positive import with_positive
from .scorers import is_scorer_object
from .trying import certain_probabilities, refuse_misfit
from .weights import ARGUMENT, OF_TRAINING, takes_weights, weighing

FOUR_ARRAYS = 4  # y_valid, y_pred, y_train_in, y_pred_train


@dataclass(frozen=True, slots=True)
class ObjectiveScorer:
    """Score one inner fold while tuning; by default the lower the better.

    Parameters
    ----------
    function
        Takes (y_valid, y_pred, y_train_in, y_pred_train), or only the first two:
        true and predicted values of the validation part, then of the inner training
        part, each of shape (n_rows,). Gives a number. The training part is predicted
        only for a function of four. Where rows have weights it is also passed
        `sample_weight`, those of the validation part, and `sample_weight_train`, if it
        takes them.
    greater_is_better
        Whether tuning maximises instead of minimising.
    response
        What is predicted: ``"predict"``, or ``"predict_proba"`` for probabilities in
        the form that `Metric` explains, or ``"decision_function"``, as there.
    takes_classes
        Whether the function is also passed ``classes``.

    Examples
    --------
    >>> import sklearn.metrics as skm
    >>> def overfit_aware(y_valid, y_pred, y_train_in, y_pred_train):
    ...     valid = skm.mean_squared_error(y_valid, y_pred)
    ...     train = skm.mean_squared_error(y_train_in, y_pred_train)
    ...     return valid + max(valid - train, 0.0)
    >>> ObjectiveScorer(overfit_aware)([1.0], [2.0], [0.0], [0.0])
    2.0
    """

    function: Callable[..., float]
    greater_is_better: bool = False
    response: str = "predict"
    takes_classes: bool = False

    def __post_init__(self) -> None:
        check_response("the objective", self.response)
        if not callable(self.function):
            raise TypeError(f"an objective must be a function, got {self.function!r}.")
        if _count_arguments(self.function) not in {2, FOUR_ARRAYS}:
            raise TypeError(
                "an objective must take (y_valid, y_pred, y_train_in, y_pred_train) "
                f"or (y_valid, y_pred), got {_signature(self.function)}."
            )

    @property
    def needs_probabilities(self) -> bool:
        """Return whether it scores probabilities, or what stands for them."""
        return self.response != "predict"

    @property
    def ranks(self) -> bool:
        """Return whether only the order counts, so that decision functions will do."""
        return self.response == RANKING

    def among(self, classes: Sequence[Any]) -> ObjectiveScorer:
        """Return the objective for these classes; what does not fit them is refused.

        Parameters
        ----------
        classes
            All classes of the target, sorted; none when it is a number.
        """
        refuse_misfit("objective", self.function, classes)
        if self.needs_probabilities and not len(classes):
            raise ValueError(
                "the objective scores probabilities of classes, but the models predict "
                "numbers; leave objective_scorer out, or use for example 'mse'."
            )
        if not self.takes_classes:
            function = with_positive(self.function, classes)
            return (
                self if function is self.function else replace(self, function=function)
            )
        filled = functools.partial(self.function, classes=tuple(classes))
        return replace(self, function=filled, takes_classes=False)

    def is_defined(self, y_valid: Any, classes: Sequence[Any]) -> bool:
        """Return whether rows of these classes can be scored at all.

        Parameters
        ----------
        y_valid
            The true classes of an inner validation part.
        classes
            All classes, sorted.
        """
        response = y_valid
        if self.needs_probabilities:
            response = certain_probabilities(y_valid, classes)
        try:
            value = self(y_valid, response, y_valid, response)
        except UndefinedScoreError:
            return False
        return bool(np.isfinite(value))

    @property
    def takes_weights(self) -> bool:
        """Return whether its function takes `sample_weight`."""
        return takes_weights(self.function)

    @property
    def needs_train(self) -> bool:
        """Return whether the inner training part must be predicted too."""
        return _count_arguments(self.function) == FOUR_ARRAYS

    def __call__(
        self,
        y_valid: Any,
        y_pred: Any,
        y_train_in: Any = None,
        y_pred_train: Any = None,
        sample_weight: Any = None,
        sample_weight_train: Any = None,
    ) -> float:
        """Score one inner fold."""
        arrays = [y_valid, y_pred]
        weights = weighing(sample_weight)
        if self.needs_train:
            arrays += [y_train_in, y_pred_train]
            if weights and takes_weights(self.function, OF_TRAINING):
                weights[OF_TRAINING] = sample_weight_train
        return float(self.function(*arrays, **weights))


def mean_squared_error(
    y_valid: FloatArray, y_pred: FloatArray, sample_weight: FloatArray | None = None
) -> float:
    """Average the squared differences, without scikit-learn's input checks."""
    difference = np.asarray(y_valid, dtype=float) - np.asarray(y_pred, dtype=float)
    if sample_weight is not None:
        return float(np.average(difference**2, weights=sample_weight))
    return float(difference @ difference / len(difference))


def resolve_objective(value: Any) -> ObjectiveScorer:
    """Turn what a user gave for the inner objective into a record.

    Parameters
    ----------
    value
        None for the validation mean squared error (of classes: `CLASS_OBJECTIVE`), an
        `ObjectiveScorer`, a function (minimised), or the name of a metric or of one
        of scikit-learn's scorers (in its own direction).
    """
    if value is None:
        return DEFAULT_OBJECTIVE
    if isinstance(value, ObjectiveScorer):
        return value
    if isinstance(value, str | Metric) or is_scorer_object(value):
        return _objective_of(one_metric(value))
    if callable(value) and hasattr(value, "__name__"):
        meant = named_metric(value.__name__, value)
        if meant.function is not value:  # one of scikit-learn's that needs more
            return _objective_of(meant)
    return ObjectiveScorer(value)


def _objective_of(metric: Metric) -> ObjectiveScorer:
    return ObjectiveScorer(
        metric.function,
        bool(metric.greater_is_better),
        metric.response,
        metric.takes_classes,
    )


def _count_arguments(function: Callable[..., Any]) -> int:
    """Count the arrays a function must or may be given, beside classes and weights."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    beside = {"classes", ARGUMENT, OF_TRAINING}
    parameters = [p for p in _parameters(function) if p.name not in beside]
    required = sum(p.kind in kinds and p.default is p.empty for p in parameters)
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return FOUR_ARRAYS
    return required


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # some compiled functions have no signature
        pair = ("y_valid", "y_pred")
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return [inspect.Parameter(name, kind) for name in pair]


def _signature(function: Callable[..., Any]) -> str:
    return f"{getattr(function, '__name__', 'a function')}{inspect.signature(function)}"


DEFAULT_OBJECTIVE = ObjectiveScorer(mean_squared_error)
# A proper score for a model that gives probabilities; for another the share mistaken.
CLASS_OBJECTIVE = ObjectiveScorer(
    log_loss, response="predict_proba", takes_classes=True
)
LABEL_OBJECTIVE = ObjectiveScorer(error_rate, takes_classes=True)
