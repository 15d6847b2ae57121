"""Scores of predictions: metrics outside, objectives inside."""

from flexcv._migration import names_of

from .classes import log_loss as log_loss
from .classes import response_columns as response_columns
from .known import CLASS_METRICS as CLASS_METRICS
from .known import DEFAULT_METRICS as DEFAULT_METRICS
from .known import KNOWN_METRICS as KNOWN_METRICS
from .known import MetricsDict as MetricsDict
from .known import default_metrics as default_metrics
from .known import ignores_labels as ignores_labels
from .known import resolve_metrics as resolve_metrics
from .metric import Metric as Metric
from .objective import CLASS_OBJECTIVE as CLASS_OBJECTIVE
from .objective import DEFAULT_OBJECTIVE as DEFAULT_OBJECTIVE
from .objective import ObjectiveScorer as ObjectiveScorer
from .objective import mean_squared_error as mean_squared_error
from .objective import resolve_objective as resolve_objective
from .quick import QuickScores as QuickScores
from .scorers import is_scorer as is_scorer
from .trying import try_metrics as try_metrics

__all__ = [
    "CLASS_METRICS",
    "CLASS_OBJECTIVE",
    "DEFAULT_METRICS",
    "DEFAULT_OBJECTIVE",
    "KNOWN_METRICS",
    "Metric",
    "MetricsDict",
    "ObjectiveScorer",
    "QuickScores",
    "default_metrics",
    "ignores_labels",
    "is_scorer",
    "log_loss",
    "mean_squared_error",
    "resolve_metrics",
    "resolve_objective",
    "response_columns",
    "try_metrics",
]

__getattr__ = names_of("flexcv.metrics")
