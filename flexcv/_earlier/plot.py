"""Pictures of flexcv 24, now in `flexcv.plots`."""

from flexcv._migration import names_of

__getattr__ = names_of("flexcv.plot")
