"""Whether a metric weighs rows, and scoring with weights."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from flexcv.errors import UndefinedScoreError

ARGUMENT = "sample_weight"  # scikit-learn's name
OF_TRAINING = "sample_weight_train"  # of the training part, for objectives of both


def takes_weights(function: Callable[..., Any], argument: str = ARGUMENT) -> bool:
    """Return whether a metric's function takes `sample_weight`.

    Parameters
    ----------
    function
        One of scikit-learn's, of `flexcv.metrics` or of the user's; something around
        a function may say so by its own `takes_weights`.
    argument
        The name of the argument.

    Examples
    --------
    >>> import sklearn.metrics as skm
    >>> takes_weights(skm.r2_score), takes_weights(skm.max_error)
    (True, False)
    """
    while isinstance(function, functools.partial):
        function = function.func
    own = getattr(function, "takes_weights", None)
    if own is not None:
        return bool(own)
    try:
        return argument in inspect.signature(function).parameters
    except (TypeError, ValueError):  # some compiled functions have no signature
        return False


def weighing(sample_weight: Any) -> dict[str, Any]:
    """Return the argument that hands weights over; none where there are none.

    Raises
    ------
    UndefinedScoreError
        When all weights are zero.
    """
    if sample_weight is None:
        return {}
    if not sample_weight.any():
        raise UndefinedScoreError("all these rows have the weight zero")
    return {ARGUMENT: sample_weight}


def refuse_without_weights(owners: Sequence[str], place: str) -> None:
    """Refuse functions that cannot weigh rows.

    Parameters
    ----------
    owners
        What they are called.
    place
        What `weights_in` calls the use.
    """
    if owners:
        raise ValueError(
            f"the data have weights, but {', '.join(owners)} takes no `sample_weight`; "
            f"use another, give your function that argument, or leave {place!r} out of "
            "`weights_in` in set_data."
        )
