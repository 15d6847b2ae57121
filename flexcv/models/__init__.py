"""Mixed-effects and linear models as scikit-learn estimators."""

from .base import AbstractMixedModel as AbstractMixedModel
from .generalized import GeneralizedLinearMixedModel as GeneralizedLinearMixedModel
from .linear import LinearMixedEffectsModel as LinearMixedEffectsModel
from .neural import NeuralMixedEffectsClassifier as NeuralMixedEffectsClassifier
from .neural import NeuralMixedEffectsRegressor as NeuralMixedEffectsRegressor
from .ols import LinearModel as LinearModel
from .terms import RandomTerm as RandomTerm

__all__ = [
    "AbstractMixedModel",
    "GeneralizedLinearMixedModel",
    "LinearMixedEffectsModel",
    "LinearModel",
    "NeuralMixedEffectsClassifier",
    "NeuralMixedEffectsRegressor",
    "RandomTerm",
]
