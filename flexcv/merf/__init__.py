"""Mixed effects around any learner: MERF, the mixed-effects random forest."""

from .estimator import MERF as MERF

__all__ = ["MERF"]
