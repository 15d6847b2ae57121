"""Nested cross-validation for mixed-effects models and machine learning."""

import logging as _logging

from .dataset import Dataset as Dataset
from .evaluation import FittedFold as FittedFold
from .evaluation import RacingPruner as RacingPruner
from .interface import CrossValidation as CrossValidation
from .metrics import Metric as Metric
from .metrics import MetricsDict as MetricsDict
from .metrics import ObjectiveScorer as ObjectiveScorer
from .model_mapping import ModelConfigDict as ModelConfigDict
from .model_mapping import ModelMappingDict as ModelMappingDict
from .resampling import CrossValMethod as CrossValMethod
from .resampling import Plan as Plan
from .results import CrossValidationResults as CrossValidationResults
from .results import Finding as Finding
from .results import PlansCompared as PlansCompared

__all__ = [
    "CrossValMethod",
    "CrossValidation",
    "CrossValidationResults",
    "Dataset",
    "Finding",
    "FittedFold",
    "Metric",
    "MetricsDict",
    "ModelConfigDict",
    "ModelMappingDict",
    "ObjectiveScorer",
    "Plan",
    "PlansCompared",
    "RacingPruner",
]

_logging.getLogger(__name__).addHandler(_logging.NullHandler())
