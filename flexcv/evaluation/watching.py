"""Watch a fit while it runs: one contract for EM, epochs, rounds and optimisers.

An estimator that can be watched

- declares `trace_` in its class and, once fitted, holds there a DataFrame with a row
  per iteration,
- has a parameter `callbacks`, a list of callables or None, and calls each of them with
  the newest row, as a mapping of column to number, when an iteration ends. The row may
  hold its number as ``"iteration"``; else rows count from 0.

The declaration is asked for because other libraries have a parameter `callbacks` that
means something else.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd

from flexcv.resampling import Fold

from .events import Listener, TraceAdvanced
from .learning_curves import curves_of


@contextlib.contextmanager
def watched(
    estimator: Any, name: str, fold: Fold, listener: Listener | None
) -> Iterator[None]:
    """Tell the listener of each iteration of the fits inside the block.

    The estimator's own callbacks stay and are called first; afterwards its parameter
    is what it was.
    """
    part = traced_part(estimator)
    if listener is None or not can_be_watched(part):
        yield
        return
    own = part.get_params(deep=False)["callbacks"]
    part.set_params(callbacks=[*_as_list(own), _teller(name, fold, listener)])
    try:
        yield
    finally:
        part.set_params(callbacks=own)


def can_be_watched(estimator: Any) -> bool:
    """Return whether an estimator declares `trace_` and takes `callbacks`."""
    kinds = type(estimator).__mro__
    declares = any(
        "trace_" in vars(kind) or "trace_" in vars(kind).get("__annotations__", {})
        for kind in kinds
    )
    return declares and "callbacks" in estimator.get_params(deep=False)


def trace_of(estimator: Any) -> pd.DataFrame | None:
    """Return the trace of a fitted estimator, its iterations as the first column.

    Estimators of other libraries keep their curves under other names: `curves_of`.
    """
    part = traced_part(estimator)
    trace = getattr(part, "trace_", None)
    if not isinstance(trace, pd.DataFrame):
        return curves_of(part)
    if "iteration" in trace:
        return trace.reset_index(drop=True)
    return trace.rename_axis("iteration").reset_index()


def traced_part(estimator: Any) -> Any:
    """Return the estimator that iterates: itself, or the last step of a pipeline."""
    while steps := getattr(estimator, "steps", None):
        estimator = steps[-1][1]
    return estimator


def _teller(
    name: str, fold: Fold, listener: Listener
) -> Callable[[Mapping[str, Any]], None]:
    """Make the callback that turns each new row into an event."""
    heard = 0

    def tell(row: Mapping[str, Any]) -> None:
        nonlocal heard
        if not hasattr(row, "items"):
            return
        values = dict(row.items())
        iteration = int(values.pop("iteration", heard))
        heard += 1
        listener(TraceAdvanced(name, fold.repeat, fold.index, iteration, values))

    return tell


def _as_list(callbacks: Any) -> list[Any]:
    if callbacks is None:
        return []
    return [callbacks] if callable(callbacks) else list(callbacks)
