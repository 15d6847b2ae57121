"""Telling someone else: runs in a folder, in MLflow, in Neptune or in W&B."""

from .base import Tracker as Tracker
from .fanout import NullTracker as NullTracker
from .fanout import SeveralTrackers as SeveralTrackers
from .keys import name_of as name_of
from .local import read_metrics as read_metrics
from .local import read_run as read_run
from .opening import open_tracker as open_tracker

__all__ = [
    "NullTracker",
    "SeveralTrackers",
    "Tracker",
    "name_of",
    "open_tracker",
    "read_metrics",
    "read_run",
]
