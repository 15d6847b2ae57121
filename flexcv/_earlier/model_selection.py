"""Objectives of flexcv 24, now in `flexcv.metrics`."""

from flexcv._migration import names_of
from flexcv.metrics import ObjectiveScorer as ObjectiveScorer

__getattr__ = names_of("flexcv.model_selection")
