"""Helpers of flexcv 24."""

from flexcv._migration import names_of

__getattr__ = names_of("flexcv.utilities")
