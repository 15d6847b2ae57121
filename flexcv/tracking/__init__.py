"""Telling someone else: runs in a folder, in MLflow, in Neptune or in W&B."""

from .base import NullTracker as NullTracker
from .base import SeveralTrackers as SeveralTrackers
from .base import Tracker as Tracker
from .base import open_tracker as open_tracker

__all__ = ["NullTracker", "SeveralTrackers", "Tracker", "open_tracker"]
