"""Mixed effects around any learner: MERF, the mixed-effects random forest."""

from flexcv._migration import names_of
from flexcv.models.alternating._link_scale import has_poisson_loss as has_poisson_loss

from .estimator import MERF as MERF

__all__ = ["MERF", "has_poisson_loss"]

__getattr__ = names_of("flexcv.merf")
