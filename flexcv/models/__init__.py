"""Mixed-effects and linear models as scikit-learn estimators."""

from .base import AbstractMixedModel as AbstractMixedModel
from .boosting import MixedEffectsBoosting as MixedEffectsBoosting
from .generalized import GeneralizedLinearMixedModel as GeneralizedLinearMixedModel
from .linear import LinearMixedEffectsModel as LinearMixedEffectsModel
from .ols import LinearModel as LinearModel
from .terms import RandomTerm as RandomTerm

__all__ = [
    "AbstractMixedModel",
    "GeneralizedLinearMixedModel",
    "LinearMixedEffectsModel",
    "LinearModel",
    "MixedEffectsBoosting",
    "RandomTerm",
]
