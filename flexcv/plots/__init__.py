"""Frames in, axes out: pictures that know nothing of the rest of the package."""

from ._axes import in_style as in_style
from .attributions import plot_attributions as plot_attributions
from .classes import plot_calibration as plot_calibration
from .classes import plot_confusion as plot_confusion
from .classes import plot_roc as plot_roc
from .convergence import plot_traces as plot_traces
from .convergence import plot_tuning as plot_tuning
from .diagnostics import plot_leverage as plot_leverage
from .diagnostics import plot_quantiles as plot_quantiles
from .diagnostics import plot_residuals as plot_residuals
from .diagnostics import plot_scale_location as plot_scale_location
from .effects import plot_effect_distribution as plot_effect_distribution
from .effects import plot_fixed_effects as plot_fixed_effects
from .effects import plot_importance as plot_importance
from .effects import plot_random_effects as plot_random_effects
from .effects import plot_within_and_between as plot_within_and_between
from .findings import DRAWINGS as DRAWINGS
from .residuals import plot_base_against_mixed as plot_base_against_mixed
from .residuals import plot_predicted_against_actual as plot_predicted_against_actual
from .residuals import plot_qq as plot_qq
from .residuals import plot_residuals_against_fitted as plot_residuals_against_fitted
from .residuals import plot_residuals_by_group as plot_residuals_by_group
from .scores import plot_comparison as plot_comparison
from .scores import plot_fold_scores as plot_fold_scores
from .shown import new_row as new_row
from .trajectories import plot_trajectories as plot_trajectories

__all__ = [
    "DRAWINGS",
    "plot_attributions",
    "plot_base_against_mixed",
    "plot_calibration",
    "plot_comparison",
    "plot_confusion",
    "plot_effect_distribution",
    "plot_fixed_effects",
    "plot_fold_scores",
    "plot_importance",
    "plot_leverage",
    "plot_predicted_against_actual",
    "plot_qq",
    "plot_quantiles",
    "plot_random_effects",
    "plot_residuals",
    "plot_residuals_against_fitted",
    "plot_residuals_by_group",
    "plot_roc",
    "plot_scale_location",
    "plot_traces",
    "plot_trajectories",
    "plot_tuning",
    "plot_within_and_between",
]
