"""The loop of flexcv 24, now in `flexcv.evaluation`."""

from flexcv._migration import names_of

__getattr__ = names_of("flexcv.core")
