"""A metric: a function of truth and prediction, and what to know about it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from .limits import limits_of
from .positive import with_positive
from .weights import takes_weights, weighing

RANKING = "decision_function"  # of models that give them, probabilities
RESPONSES = ("predict", "predict_proba", RANKING)


@dataclass(frozen=True, slots=True)
class Metric:
    """Score predictions with a function of (y_true, y_pred).

    Parameters
    ----------
    name
        The row it has in the summary.
    function
        Takes true and predicted values, each of shape (n_rows,), gives a number; and
        `sample_weight`, where rows have weights.
    greater_is_better
        The direction; None when unknown.
    response
        The method of the model that it scores: ``"predict"``, or ``"predict_proba"``.
        The function is then given probabilities as scikit-learn gives them: of two
        classes that of the positive one, shape (n_rows,), of more all of them, shape
        (n_rows, n_classes), sorted by class. ``"decision_function"`` is for scores of
        ranks: of a model without probabilities its decision function is taken.
    takes_classes
        Whether the function is also passed ``classes``, all classes of the target in
        order; a fold may lack some.
    limits
        The least and the greatest value that a score can have, which no interval
        passes; None looks them up, and knows of a function of your own nothing.

    Examples
    --------
    >>> import sklearn.metrics as skm
    >>> Metric("mae", skm.mean_absolute_error, False)([1.0, 3.0], [1.0, 2.0])
    0.5
    >>> spread = Metric("spread", lambda y, p: p.std(), response="predict_proba")
    """

    name: str
    function: Callable[..., float]
    greater_is_better: bool | None = None
    response: str = "predict"
    takes_classes: bool = False
    limits: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise TypeError(f"a metric's name must be a text, got {self.name!r}.")
        if not callable(self.function):
            raise TypeError(
                f"metric {self.name!r} must be a function of (y_true, y_pred), "
                f"got {self.function!r}."
            )
        check_response(f"metric {self.name!r}", self.response)
        object.__setattr__(self, "limits", self._checked_limits())

    def _checked_limits(self) -> tuple[float, float]:
        if self.limits is None:
            return limits_of(self.function)
        least, greatest = map(float, self.limits)
        if not least < greatest:
            raise ValueError(
                f"metric {self.name!r}: `limits` must be the least and the greatest "
                f"score, got {self.limits!r}; (0, 1) is that of a share."
            )
        return least, greatest

    @property
    def needs_probabilities(self) -> bool:
        """Return whether it scores probabilities, or what stands for them."""
        return self.response != "predict"

    @property
    def ranks(self) -> bool:
        """Return whether only the order counts, so that decision functions will do."""
        return self.response == RANKING

    def among(self, classes: Sequence[Any]) -> Metric:
        """Return the metric with the classes filled in, where it takes them.

        Parameters
        ----------
        classes
            All classes of the target, sorted; none when it is a number.
        """
        if not self.takes_classes:
            function = with_positive(self.function, classes)
            return (
                self if function is self.function else replace(self, function=function)
            )
        filled = functools.partial(self.function, classes=tuple(classes))
        return replace(self, function=filled, takes_classes=False)

    @property
    def takes_weights(self) -> bool:
        """Return whether its function takes `sample_weight`."""
        return takes_weights(self.function)

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> float:
        """Score predictions against the truth."""
        return float(self.function(y_true, y_pred, **weighing(sample_weight)))


MetricChoice: TypeAlias = str | Metric | Callable[..., float]


def check_response(owner: str, response: object) -> None:
    """Refuse a response that no model gives."""
    if response not in RESPONSES:
        raise ValueError(
            f"{owner}: `response` must be {', '.join(map(repr, RESPONSES[:-1]))} or "
            f"{RESPONSES[-1]!r}, got {response!r}."
        )
