"""What a model says of itself before it is fitted: what it reads, what it takes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sklearn.utils import get_tags

from flexcv.dataset import Dataset

# Scalers pass missing values on; the next step decides.
PASSING = {
    "MaxAbsScaler",
    "MinMaxScaler",
    "PowerTransformer",
    "QuantileTransformer",
    "RobustScaler",
    "StandardScaler",
}
TELLING = ("sklearn", "flexcv")  # packages whose tags are held to what they say


def says(estimator: Any, parameter: str) -> Any:
    """Return what an estimator's own parameter is set to; None without it."""
    return estimator.get_params(deep=False).get(parameter)


def columns_read(estimator: Any, dataset: Dataset) -> list[Any]:
    """Return the features whose values a model learns effects of.

    Columns that it names as groups, and those that its formula does not name, are none.
    """
    names: tuple[Any, ...] = getattr(estimator, "grouping_columns", tuple)()
    formula = says(estimator, "formula")
    return [
        name
        for name in dataset.features.columns
        if name not in names and (formula is None or _is_in(str(name), formula))
    ]


def takes_missing(estimator: Any) -> bool:
    """Whether a model takes missing values, as far as that can be known.

    A pipeline takes them when a step before the last fills them in or when its model
    does. What cannot be known counts as yes.
    """
    steps = getattr(estimator, "steps", None)
    if steps is None:
        return _takes_missing(estimator)
    for _, step in steps[:-1]:
        kind = type(step).__name__
        if step in (None, "passthrough") or kind in PASSING:
            continue
        return _takes_missing(step)  # encoders and imputers leave none
    return takes_missing(steps[-1][1])


def _takes_missing(estimator: Any) -> bool:
    """Whether one step says that it takes missing values, or leaves it open."""
    package = type(estimator).__module__.partition(".")[0]
    if package not in TELLING or _holds_others(
        estimator.get_params(deep=False).values()
    ):
        return True
    tags = get_tags(estimator)
    return bool(tags.input_tags.allow_nan or tags.no_validation)


def _holds_others(values: Iterable[Any]) -> bool:
    """Whether parameters hold other estimators, or lists of them."""
    return any(hasattr(value, "fit") or isinstance(value, list) for value in values)


def _is_in(name: str, formula: str) -> bool:
    """Whether a formula names a column, or all columns by a point."""
    if re.search(r"(^|[\s~+*:(])\.([\s+*:)-]|$)", formula):
        return True
    return re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.])", formula) is not None
