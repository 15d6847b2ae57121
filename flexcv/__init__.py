"""Nested cross-validation for mixed-effects models and machine learning.

What is public here is loaded when it is first asked for, so that
``from flexcv.models import LinearMixedEffectsModel`` loads the models alone.
"""

import importlib as _importlib
import logging as _logging
from importlib.metadata import version as _version
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from ._migration import names_of as _names_of

if _TYPE_CHECKING:
    from .dataset import Dataset as Dataset
    from .evaluation import FittedFold as FittedFold
    from .evaluation import RacingPruner as RacingPruner
    from .final import FinalModel as FinalModel
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
    from .results import compare_runs as compare_runs

_ROOMS = {  # where each public name stands; a test holds it to the imports above
    "CrossValMethod": "resampling",
    "CrossValidation": "interface",
    "CrossValidationResults": "results",
    "Dataset": "dataset",
    "FinalModel": "final",
    "Finding": "results",
    "FittedFold": "evaluation",
    "Metric": "metrics",
    "MetricsDict": "metrics",
    "ModelConfigDict": "model_mapping",
    "ModelMappingDict": "model_mapping",
    "ObjectiveScorer": "metrics",
    "Plan": "resampling",
    "PlansCompared": "results",
    "RacingPruner": "evaluation",
    "RepeatedCV": "repeated",
    "compare_runs": "results",
}

__all__ = [*_ROOMS]

_logging.getLogger(__name__).addHandler(_logging.NullHandler())

__path__.append(f"{__path__[0]}/_earlier")  # modules of flexcv 24, by their names


def __getattr__(name: str) -> _Any:
    if name == "__version__":
        return _version(__name__)
    if name in _ROOMS:
        value = getattr(_importlib.import_module(f"{__name__}.{_ROOMS[name]}"), name)
        globals()[name] = value
        return value
    return _names_of(__name__)(name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS})
