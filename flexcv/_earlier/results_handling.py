"""Results of flexcv 24, now in `flexcv.results`."""

from flexcv._migration import names_of
from flexcv.results import CrossValidationResults as CrossValidationResults

__getattr__ = names_of("flexcv.results_handling")
