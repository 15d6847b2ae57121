"""Frames in, axes out: pictures that know nothing of the rest of the package."""

from .convergence import plot_traces as plot_traces
from .convergence import plot_tuning as plot_tuning
from .effects import plot_fixed_effects as plot_fixed_effects
from .effects import plot_importance as plot_importance
from .effects import plot_random_effects as plot_random_effects
from .residuals import plot_predicted_against_actual as plot_predicted_against_actual
from .residuals import plot_qq as plot_qq
from .residuals import plot_residuals_against_fitted as plot_residuals_against_fitted
from .residuals import plot_residuals_by_group as plot_residuals_by_group
from .scores import plot_comparison as plot_comparison
from .scores import plot_fold_scores as plot_fold_scores

__all__ = [
    "plot_comparison",
    "plot_fixed_effects",
    "plot_fold_scores",
    "plot_importance",
    "plot_predicted_against_actual",
    "plot_qq",
    "plot_random_effects",
    "plot_residuals_against_fitted",
    "plot_residuals_by_group",
    "plot_traces",
    "plot_tuning",
]
