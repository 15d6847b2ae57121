"""Mixed effects around any learner: MERF, the mixed-effects random forest."""

from .estimator import MERF as MERF
from .learners import learns_counts as learns_counts

__all__ = ["MERF", "learns_counts"]
