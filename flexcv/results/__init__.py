"""What is known after a run."""

from flexcv.records import Finding as Finding
from flexcv.records import FoldResult as FoldResult
from flexcv.records import Predictions as Predictions
from flexcv.storage.estimators import load_estimators as load_estimators

from .findings import FoldFindings as FoldFindings
from .plans import PlansCompared as PlansCompared
from .results import CrossValidationResults as CrossValidationResults
from .runs import compare_runs as compare_runs

__all__ = [
    "CrossValidationResults",
    "Finding",
    "FoldFindings",
    "FoldResult",
    "PlansCompared",
    "Predictions",
    "compare_runs",
    "load_estimators",
]
