"""A tracker that may fail without anyone noticing but its owner.

Every call to a backend goes through a guard. What the backend raises, warns or
refuses becomes one note, and the cross-validation goes on as if there were none.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ._secrets import redact
from .base import NullTracker, Tracker

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PATIENCE_SECONDS = 30.0  # lost in failing calls, before a backend is left alone
Answer = TypeVar("Answer")
logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Guard:
    """Make calls that cannot hurt, and remember the first trouble.

    One guard is shared by a tracker and all the runs below it.

    Parameters
    ----------
    label
        What is guarded, for the note: ``"mlflow"``.
    """

    label: str
    trouble: str = ""
    n_failures: int = 0
    seconds_lost: float = 0.0
    _reported: bool = field(default=False, repr=False)

    def call(self, verb: str, action: Callable[[], Answer]) -> Answer | None:
        """Do something; give None and take a note when it fails.

        Warnings stay inside: a backend's own would else become warnings of the model
        that is being fitted.
        """
        if self.seconds_lost > PATIENCE_SECONDS:
            return None
        start = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                return action()
            except Exception as error:  # noqa: BLE001  any backend, any failure
                self.seconds_lost += time.perf_counter() - start
                self.note(f"{verb} failed with {type(error).__name__}: {error}")
            finally:
                for entry in caught:
                    logger.info("%s: %s", self.label, redact(str(entry.message)))
        return None

    def note(self, trouble: str) -> None:
        """Keep the first trouble; the others are counted and logged."""
        trouble = " ".join(redact(trouble).split())[:500]
        self.n_failures += 1
        self.trouble = self.trouble or trouble
        logger.info("%s: %s", self.label, trouble)

    def report(self) -> str:
        """Give the sentence to warn with, once; else an empty text."""
        if self._reported or not self.trouble:
            return ""
        self._reported = True
        return (
            f"the tracker {self.label!r} could not keep everything: {self.trouble}; "
            "the cross-validation goes on, and this is said once."
        )


class GuardedTracker:
    """Call a tracker through a guard, with finite numbers only."""

    def __init__(self, tracker: Tracker, guard: Guard) -> None:
        self._tracker = tracker
        self._guard = guard

    @property
    def keeps_flat_keys(self) -> bool:
        """Tell whether the backend wants ``<model>/<metric>`` as a series too."""
        return bool(getattr(self._tracker, "keeps_flat_keys", False))

    def child(self, name: str, kind: str, tags: Mapping[str, str]) -> GuardedTracker:
        """Open a run below this one; one that cannot be opened keeps nothing."""
        made = self._call("child", lambda: self._tracker.child(name, kind, tags))
        return GuardedTracker(NullTracker() if made is None else made, self._guard)

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Note settings."""
        self._call("log_params", lambda: self._tracker.log_params(params))

    def log_metrics(
        self, metrics: Mapping[str, float], step: int | None = None
    ) -> None:
        """Note those numbers that are finite."""
        finite = {key: float(value) for key, value in metrics.items()}
        finite = {key: value for key, value in finite.items() if np.isfinite(value)}
        for key in metrics.keys() - finite.keys():
            self._guard.note(f"{key!r} is {metrics[key]}, which is left out")
        if finite:
            self._call("log_metrics", lambda: self._tracker.log_metrics(finite, step))

    def log_series(
        self, key: str, values: Sequence[float], steps: Sequence[int]
    ) -> None:
        """Note those points that are finite."""
        points = [
            (float(value), int(step))
            for value, step in zip(values, steps, strict=True)
            if np.isfinite(value)
        ]
        if len(points) < len(values):
            lost = len(values) - len(points)
            self._guard.note(f"{key!r} has {lost} values not finite, left out")
        if points:
            kept, at = zip(*points, strict=True)
            self._call("log_series", lambda: self._tracker.log_series(key, kept, at))

    def log_figure(self, key: str, figure: Figure) -> None:
        """Keep a picture."""
        self._call("log_figure", lambda: self._tracker.log_figure(key, figure))

    def log_table(self, key: str, table: pd.DataFrame) -> None:
        """Keep a table."""
        self._call("log_table", lambda: self._tracker.log_table(key, table))

    def log_text(self, key: str, text: str) -> None:
        """Keep a text."""
        self._call("log_text", lambda: self._tracker.log_text(key, text))

    def log_artifact(self, key: str, path: Path) -> None:
        """Keep a file."""
        self._call("log_artifact", lambda: self._tracker.log_artifact(key, path))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Mark the run."""
        self._call("set_tags", lambda: self._tracker.set_tags(tags))

    def finish(self, status: str) -> None:
        """Close the run."""
        self._call("finish", lambda: self._tracker.finish(status))

    def _call(self, verb: str, action: Callable[[], Answer]) -> Answer | None:
        return self._guard.call(verb, action)
