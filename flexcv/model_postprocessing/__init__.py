"""Looking at what was fitted: post-processors, one module a subject."""

from flexcv._migration import names_of

from .base import ModelPostProcessor as ModelPostProcessor
from .classes import ClassifierModelPostProcessor as ClassifierModelPostProcessor
from .importance import (
    PermutationImportancePostProcessor as PermutationImportancePostProcessor,
)
from .importance import (
    RandomForestModelPostProcessor as RandomForestModelPostProcessor,
)
from .importance import SVRModelPostProcessor as SVRModelPostProcessor
from .importance import XGBoostModelPostProcessor as XGBoostModelPostProcessor
from .linear import LinearModelPostProcessor as LinearModelPostProcessor
from .mixed import LMERModelPostProcessor as LMERModelPostProcessor
from .mixed import MERFModelPostProcessor as MERFModelPostProcessor

__all__ = [
    "ClassifierModelPostProcessor",
    "LMERModelPostProcessor",
    "LinearModelPostProcessor",
    "MERFModelPostProcessor",
    "ModelPostProcessor",
    "PermutationImportancePostProcessor",
    "RandomForestModelPostProcessor",
    "SVRModelPostProcessor",
    "XGBoostModelPostProcessor",
]

__getattr__ = names_of("flexcv.model_postprocessing")
