"""What every model that iterates shares: callbacks and the picture of its way."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from sklearn.utils.validation import check_is_fitted

from flexcv.typing import Callback

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def is_stopped(
    callbacks: Callback | Iterable[Callback] | None, row: Mapping[str, float]
) -> bool:
    """Call every callback with a new row of a trace; whether one wants to stop.

    Parameters
    ----------
    callbacks
        None, one callable, or several; each one is called, whatever others answer.
    row
        The columns of the trace and their values.

    Examples
    --------
    >>> rows = []
    >>> is_stopped([rows.append, lambda row: row["change"] < 0.1], {"change": 0.01})
    True
    >>> rows
    [{'change': 0.01}]
    """
    if callbacks is None:
        return False
    several = [callbacks] if callable(callbacks) else list(callbacks)
    answers = [callback(row) for callback in several]
    return any(answer is True for answer in answers)


class IteratedModel:
    """A model that is fitted in iterations and keeps ``trace_``, a row for each."""

    trace_: pd.DataFrame
    callbacks: Callback | Sequence[Callback] | None

    def plot_convergence(self, axes: Axes | None = None) -> Any:
        """Draw likelihood, variances, change and validation loss by iteration.

        Parameters
        ----------
        axes
            Axes to draw on, one per picture; new ones by default.
        """
        check_is_fitted(self)
        trace = self.trace_
        if "iteration" in trace.columns:
            trace = trace.set_index("iteration")
        drawing = importlib.import_module("flexcv.plots.iterations")
        return drawing.plot_iterations(trace, axes)
