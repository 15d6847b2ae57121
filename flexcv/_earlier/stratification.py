"""Stratified splitters of flexcv 24, now in `flexcv.resampling`."""

from flexcv._migration import names_of
from flexcv.resampling import ConcatenatedStratifiedKFold as ConcatenatedStratifiedKFold
from flexcv.resampling import (
    ContinuousStratifiedGroupKFold as ContinuousStratifiedGroupKFold,
)
from flexcv.resampling import ContinuousStratifiedKFold as ContinuousStratifiedKFold

__getattr__ = names_of("flexcv.stratification")
