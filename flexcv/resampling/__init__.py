"""Which rows are seen when: splitters and the plan made from them."""

from .grouped import BalancedGroupKFold as BalancedGroupKFold
from .grouped import ContinuousStratifiedGroupKFold as ContinuousStratifiedGroupKFold
from .plan import Fold as Fold
from .plan import Plan as Plan
from .plan import SplitSettings as SplitSettings
from .plan import make_plan as make_plan
from .registry import CrossValMethod as CrossValMethod
from .splitting import Split as Split
from .stratified import ConcatenatedStratifiedKFold as ConcatenatedStratifiedKFold
from .stratified import ContinuousStratifiedKFold as ContinuousStratifiedKFold

__all__ = [
    "BalancedGroupKFold",
    "ConcatenatedStratifiedKFold",
    "ContinuousStratifiedGroupKFold",
    "ContinuousStratifiedKFold",
    "CrossValMethod",
    "Fold",
    "Plan",
    "Split",
    "SplitSettings",
    "make_plan",
]
