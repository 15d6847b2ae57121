"""Logging of folds in flexcv 24, now in `flexcv.tracking`."""

from flexcv._migration import names_of

__getattr__ = names_of("flexcv.fold_logging")
