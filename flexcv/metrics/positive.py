"""Functions of two classes that take the positive one as scikit-learn's do."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

ARGUMENT = "pos_label"


def with_positive(
    function: Callable[..., float], classes: Sequence[Any]
) -> Callable[..., float]:
    """Fill in the positive class where a function takes it and nobody did.

    Parameters
    ----------
    function
        Of (y_true, y_pred).
    classes
        All classes; of two the last is the positive one.

    Examples
    --------
    >>> import sklearn.metrics as skm
    >>> f1 = with_positive(skm.f1_score, ("control", "case"))
    >>> f1(["case", "control"], ["case", "case"])  # doctest: +ELLIPSIS
    0.66...
    """
    if len(classes) != 2 or ARGUMENT in _filled(function):
        return function
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # some compiled functions have no signature
        return function
    averages = _filled(function).get("average", "binary") != "binary"
    if ARGUMENT not in parameters or averages:
        return function
    return functools.partial(function, **{ARGUMENT: classes[-1]})


def _filled(function: Any) -> dict[str, Any]:
    """Return the named arguments that were filled in, at any depth."""
    filled: dict[str, Any] = {}
    while isinstance(function, functools.partial):
        filled = {**function.keywords, **filled}
        function = function.func
    return filled
