"""What post-processors find, drawn by name: a drawing is data, as a finding is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from .attributions import plot_attributions
from .classes import plot_calibration, plot_confusion, plot_roc
from .convergence import plot_traces
from .diagnostics import (
    plot_leverage,
    plot_quantiles,
    plot_residuals,
    plot_scale_location,
)
from .effects import (
    plot_effect_distribution,
    plot_fixed_effects,
    plot_importance,
    plot_random_effects,
)
from .residuals import plot_base_against_mixed

if TYPE_CHECKING:
    import pandas as pd

Draw: TypeAlias = Callable[..., Any]  # of (frame, axes)


def _as_it_is(plot: Draw) -> Draw:
    """Let a picture take axes as its second argument, as every drawing does."""

    def drawn(frame: pd.DataFrame, ax: Any = None) -> Any:
        return plot(frame, ax=ax)

    return drawn


def _importance(frame: pd.DataFrame, ax: Any = None) -> Any:
    """Draw importances of one fold, or of all where the frame says which."""
    shown = frame if "fold" in frame else frame.assign(fold=0)
    return plot_importance(shown, ax=ax)


def _slopes(frame: pd.DataFrame, ax: Any = None) -> Any:
    """Draw coefficients with their intervals, the intercept left out."""
    slopes = frame[frame["name"].ne("Intercept")]
    return plot_fixed_effects(slopes if len(slopes) else frame, ax=ax)


def _first_factor(draw: Draw) -> Draw:
    """Draw the effects of the first factor's levels only."""

    def drawn(frame: pd.DataFrame, ax: Any = None) -> Any:
        first = frame[frame["factor"].eq(frame["factor"].iloc[0])]
        return draw(first, ax=ax)

    return drawn


def _likelihood(frame: pd.DataFrame, ax: Any = None) -> Any:
    """Draw the log-likelihood over the iterations."""
    trace = frame[["iteration"]].assign(
        value=frame["loglik"], model="", repeat=0, fold=0, key="log-likelihood"
    )
    return plot_traces(trace, ax=ax)


DRAWINGS: dict[str, Draw] = {
    "attributions": _as_it_is(plot_attributions),
    "base_against_mixed": _as_it_is(plot_base_against_mixed),
    "calibration": _as_it_is(plot_calibration),
    "confusion": _as_it_is(plot_confusion),
    "effect_distribution": _first_factor(plot_effect_distribution),
    "fixed_effects": _slopes,
    "importance": _importance,
    "leverage": _as_it_is(plot_leverage),
    "likelihood": _likelihood,
    "quantiles": _as_it_is(plot_quantiles),
    "random_effects": _first_factor(plot_random_effects),
    "residuals": _as_it_is(plot_residuals),
    "roc": _as_it_is(plot_roc),
    "scale_location": _as_it_is(plot_scale_location),
}
