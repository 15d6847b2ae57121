"""Names of splits in flexcv 24, now in `flexcv.resampling`."""

from flexcv._migration import names_of
from flexcv.resampling import CrossValMethod as CrossValMethod

__getattr__ = names_of("flexcv.split")
