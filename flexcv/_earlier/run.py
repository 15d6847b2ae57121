"""The run that stood in for Neptune's in flexcv 24."""

from flexcv._migration import names_of

__getattr__ = names_of("flexcv.run")
