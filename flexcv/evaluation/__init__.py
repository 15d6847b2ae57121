"""What happens to one model on one fold, and to all of them in a run."""

import flexcv._quiet_optuna  # noqa: F401

# isort: split
from .events import Event as Event
from .events import Listener as Listener
from .events import RunFailed as RunFailed
from .events import RunFinished as RunFinished
from .events import RunStarted as RunStarted
from .events import TraceAdvanced as TraceAdvanced
from .events import TrialFinished as TrialFinished
from .events import UnitFinished as UnitFinished
from .events import UnitStarted as UnitStarted
from .runner import RunSettings as RunSettings
from .runner import run as run
from .scaling import FeatureTable as FeatureTable
from .scaling import ScalingSettings as ScalingSettings
from .search import RacingPruner as RacingPruner
from .tuning import TuningSettings as TuningSettings
from .unit import FittedFold as FittedFold
from .unit import run_unit as run_unit
from .unit_tuning import UnitSettings as UnitSettings

__all__ = [
    "Event",
    "FeatureTable",
    "FittedFold",
    "Listener",
    "RacingPruner",
    "RunFailed",
    "RunFinished",
    "RunSettings",
    "RunStarted",
    "ScalingSettings",
    "TraceAdvanced",
    "TrialFinished",
    "TuningSettings",
    "UnitFinished",
    "UnitSettings",
    "UnitStarted",
    "run",
    "run_unit",
]
