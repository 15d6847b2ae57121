"""What is known after a run."""

from .estimators import load_estimators as load_estimators
from .findings import FoldFindings as FoldFindings
from .fold import Finding as Finding
from .fold import FoldResult as FoldResult
from .fold import Predictions as Predictions
from .plans import PlansCompared as PlansCompared
from .results import CrossValidationResults as CrossValidationResults

__all__ = [
    "CrossValidationResults",
    "Finding",
    "FoldFindings",
    "FoldResult",
    "PlansCompared",
    "Predictions",
    "load_estimators",
]
