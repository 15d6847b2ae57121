"""Mixed-effects and linear models as scikit-learn estimators."""

from .base import AbstractMixedModel as AbstractMixedModel
from .generalized import GeneralizedLinearMixedModel as GeneralizedLinearMixedModel
from .linear import LinearMixedEffectsModel as LinearMixedEffectsModel
from .ols import LinearModel as LinearModel
from .penalized import PenalizedLinearMixedModel as PenalizedLinearMixedModel
from .penalized_generalized import (
    PenalizedGeneralizedMixedModel as PenalizedGeneralizedMixedModel,
)
from .terms import RandomTerm as RandomTerm

__all__ = [
    "AbstractMixedModel",
    "GeneralizedLinearMixedModel",
    "LinearMixedEffectsModel",
    "LinearModel",
    "PenalizedGeneralizedMixedModel",
    "PenalizedLinearMixedModel",
    "RandomTerm",
]
