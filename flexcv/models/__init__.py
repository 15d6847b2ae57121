"""Mixed-effects and linear models as scikit-learn estimators."""

from flexcv._migration import names_of
from flexcv.models.contract.base import AbstractMixedModel as AbstractMixedModel
from flexcv.models.design.terms import RandomTerm as RandomTerm

from .boosting import MixedEffectsBoosting as MixedEffectsBoosting
from .deep_mixture import DeepMixtureLMM as DeepMixtureLMM
from .generalized import GeneralizedLinearMixedModel as GeneralizedLinearMixedModel
from .linear import LinearMixedEffectsModel as LinearMixedEffectsModel
from .neural import NeuralMixedEffectsClassifier as NeuralMixedEffectsClassifier
from .neural import NeuralMixedEffectsRegressor as NeuralMixedEffectsRegressor
from .ols import LinearModel as LinearModel
from .penalized import PenalizedLinearMixedModel as PenalizedLinearMixedModel
from .penalized_generalized import (
    PenalizedGeneralizedMixedModel as PenalizedGeneralizedMixedModel,
)

__all__ = [
    "AbstractMixedModel",
    "DeepMixtureLMM",
    "GeneralizedLinearMixedModel",
    "LinearMixedEffectsModel",
    "LinearModel",
    "MixedEffectsBoosting",
    "NeuralMixedEffectsClassifier",
    "NeuralMixedEffectsRegressor",
    "PenalizedGeneralizedMixedModel",
    "PenalizedLinearMixedModel",
    "RandomTerm",
]

__getattr__ = names_of("flexcv.models")
