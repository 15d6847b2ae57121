"""Nested cross-validation for mixed-effects models and machine learning."""

import logging as _logging
import warnings as _warnings
from importlib.metadata import version as _version
from typing import Any as _Any

with _warnings.catch_warnings():  # to every notebook, of widgets that nothing uses
    _warnings.filterwarnings("ignore", message="IProgress not found")
    import optuna as _optuna  # noqa: F401

from ._migration import names_of as _names_of
from .dataset import Dataset as Dataset
from .evaluation import FittedFold as FittedFold
from .evaluation import RacingPruner as RacingPruner
from .interface import CrossValidation as CrossValidation
from .metrics import Metric as Metric
from .metrics import MetricsDict as MetricsDict
from .metrics import ObjectiveScorer as ObjectiveScorer
from .model_mapping import ModelConfigDict as ModelConfigDict
from .model_mapping import ModelMappingDict as ModelMappingDict
from .repeated import RepeatedCV as RepeatedCV
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
    "RepeatedCV",
]

_logging.getLogger(__name__).addHandler(_logging.NullHandler())

__path__.append(f"{__path__[0]}/_earlier")  # modules of flexcv 24, by their names


def __getattr__(name: str) -> _Any:
    if name == "__version__":
        return _version(__name__)
    return _names_of(__name__)(name)
