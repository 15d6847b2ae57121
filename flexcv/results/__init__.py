"""What is known after a run."""

from .fold import Finding as Finding
from .fold import FoldResult as FoldResult
from .fold import Predictions as Predictions
from .results import CrossValidationResults as CrossValidationResults

__all__ = ["CrossValidationResults", "Finding", "FoldResult", "Predictions"]
