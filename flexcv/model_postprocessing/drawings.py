"""Drawings of findings: functions of (frame, axes) that load matplotlib when called."""

from __future__ import annotations

import importlib
from typing import Any

import pandas as pd


def draw_importance(frame: pd.DataFrame, ax: Any = None) -> Any:
    """Draw importances of one fold, or of all where the frame says which."""
    shown = frame if "fold" in frame else frame.assign(fold=0)
    return _plots().plot_importance(shown, ax=ax)


def draw_attributions(frame: pd.DataFrame, ax: Any = None) -> Any:
    """Draw SHAP values as a beeswarm."""
    return _plots().plot_attributions(frame, ax=ax)


def draw_fixed_effects(frame: pd.DataFrame, ax: Any = None) -> Any:
    """Draw coefficients with their intervals, the intercept left out."""
    slopes = frame[frame["name"].ne("Intercept")]
    return _plots().plot_fixed_effects(slopes if len(slopes) else frame, ax=ax)


def draw_random_effects(frame: pd.DataFrame, ax: Any = None) -> Any:
    """Draw the effects of the first factor's levels, from low to high."""
    first = frame[frame["factor"].eq(frame["factor"].iloc[0])]
    return _plots().plot_random_effects(first, ax=ax)


def draw_effect_distribution(frame: pd.DataFrame, ax: Any = None) -> Any:
    """Draw how the effects of the first factor's levels are spread."""
    first = frame[frame["factor"].eq(frame["factor"].iloc[0])]
    return _plots().plot_effect_distribution(first, ax=ax)


def draw_base_against_mixed(frame: pd.DataFrame, ax: Any = None) -> Any:
    """Draw test predictions without and with random effects."""
    return _plots().plot_base_against_mixed(frame, ax=ax)


def draw_likelihood(frame: pd.DataFrame, ax: Any = None) -> Any:
    """Draw the log-likelihood over the iterations."""
    columns = {"iteration": frame["iteration"], "value": frame["loglik"]}
    trace = pd.DataFrame(columns).assign(
        model="", repeat=0, fold=0, key="log-likelihood"
    )
    return _plots().plot_traces(trace, ax=ax)


def draw_residuals(frame: pd.DataFrame, ax: Any = None) -> Any:
    """Draw residuals over fitted values."""
    return _plots().plot_residuals(frame, ax=ax)


def draw_quantiles(frame: pd.DataFrame, ax: Any = None) -> Any:
    """Draw standardised residuals over normal quantiles."""
    return _plots().plot_quantiles(frame, ax=ax)


def draw_scale_location(frame: pd.DataFrame, ax: Any = None) -> Any:
    """Draw the size of residuals over fitted values."""
    return _plots().plot_scale_location(frame, ax=ax)


def draw_leverage(frame: pd.DataFrame, ax: Any = None) -> Any:
    """Draw standardised residuals over leverage, with Cook's distance."""
    return _plots().plot_leverage(frame, ax=ax)


def draw_roc(frame: pd.DataFrame, ax: Any = None) -> Any:
    """Draw ROC curves."""
    return _plots().plot_roc(frame, ax=ax)


def draw_calibration(frame: pd.DataFrame, ax: Any = None) -> Any:
    """Draw how often a class came over the probability it was given."""
    return _plots().plot_calibration(frame, ax=ax)


def draw_confusion(frame: pd.DataFrame, ax: Any = None) -> Any:
    """Draw how the rows of each true class were predicted."""
    return _plots().plot_confusion(frame, ax=ax)


def _plots() -> Any:
    return importlib.import_module("flexcv.plots")
