"""Results of a fold in flexcv 24, now in `flexcv.records`."""

from flexcv._migration import names_of

__getattr__ = names_of("flexcv.fold_results_handling")
