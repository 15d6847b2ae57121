"""What is known after a run."""

from flexcv.records import Finding as Finding
from flexcv.records import FoldResult as FoldResult
from flexcv.records import Predictions as Predictions
from flexcv.storage.estimators import load_estimators as load_estimators

from .findings import FoldFindings as FoldFindings
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
