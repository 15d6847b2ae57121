"""Every call to several trackers, each guarded once; silent without any.

What a backend raises, warns or refuses becomes one note, and the cross-validation goes
on as if there were none. Numbers pass here once: NaN stands for no value and is passed
over, an infinite one is left out with a note, because no store keeps it as it is.
"""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from flexcv._secrets import redact, redact_frame, redact_params

from .base import Tracker

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

PATIENCE_SECONDS = 30.0  # lost in failing calls, before a backend is left alone
LONGEST_NOTE = 500  # characters
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

    def call(
        self, verb: str, action: Callable[..., Answer], *arguments: Any
    ) -> Answer | None:
        """Call something; return None and take a note when it fails.

        Warnings stay inside: a backend's own would else become warnings of the model
        that is being fitted.
        """
        if self.seconds_lost > PATIENCE_SECONDS:
            return None
        start = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                return action(*arguments)
            except Exception as error:  # noqa: BLE001  any backend, any failure
                self.seconds_lost += time.perf_counter() - start
                self.note(f"{verb} failed with {type(error).__name__}: {error}")
            finally:
                for entry in caught:
                    logger.info("%s: %s", self.label, redact(str(entry.message)))
        return None

    def note(self, trouble: str) -> None:
        """Keep the first trouble; the others are counted and logged."""
        trouble = " ".join(redact(trouble).split())[:LONGEST_NOTE]
        self.n_failures += 1
        self.trouble = self.trouble or trouble
        logger.info("%s: %s", self.label, trouble)

    def report(self) -> str:
        """Return the sentence to warn with, once; else an empty text."""
        if self._reported or not self.trouble:
            return ""
        self._reported = True
        return (
            f"the tracker {self.label!r} could not keep everything: {self.trouble}; "
            "the cross-validation goes on, and this is said once."
        )


class SeveralTrackers:
    """Pass every call on to several trackers; to none is the silent tracker.

    Parameters
    ----------
    trackers
        Of the same run, in different places.
    guards
        One for each tracker; without any, a tracker's failure is raised.

    Examples
    --------
    >>> SeveralTrackers().child("Ridge", "model", {}).log_metrics({"mse": 1.0})
    """

    def __init__(
        self, trackers: Iterable[Tracker] = (), guards: Iterable[Guard] = ()
    ) -> None:
        self.trackers = tuple(trackers)
        self._guards: tuple[Guard | None, ...] = tuple(guards)
        if not self._guards:
            self._guards = (None,) * len(self.trackers)

    def child(self, name: str, kind: str, tags: Mapping[str, str]) -> SeveralTrackers:
        """Open a run below each; one that is not to be told is left out."""
        opened = self._each("child", redact(name), kind, redact_params(tags))
        pairs = zip(opened, self._guards, strict=True)
        silent = (NullTracker, type(None))
        return _together([pair for pair in pairs if type(pair[0]) not in silent])

    def having(self, attribute: str) -> SeveralTrackers:
        """Return those trackers alone whose attribute of this name is true."""
        pairs = zip(self.trackers, self._guards, strict=True)
        return _together([pair for pair in pairs if getattr(pair[0], attribute, False)])

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Note settings, those that are secret blacked out."""
        self._each("log_params", redact_params(params))

    def log_metrics(
        self, metrics: Mapping[str, float], step: int | None = None
    ) -> None:
        """Note those numbers that are finite."""
        finite = {}
        for key, value in metrics.items():
            number = float(value)
            if math.isfinite(number):
                finite[key] = number
            elif math.isinf(number):
                self._note(f"{key!r} is {number}, which is left out")
        if finite:
            self._each("log_metrics", finite, step)

    def log_series(
        self, key: str, values: Sequence[float], steps: Sequence[int]
    ) -> None:
        """Note those points that are finite."""
        points = [(float(v), int(s)) for v, s in zip(values, steps, strict=True)]
        finite = [point for point in points if math.isfinite(point[0])]
        n_infinite = sum(math.isinf(value) for value, _ in points)
        if n_infinite:
            self._note(f"{key!r} has {n_infinite} infinite values, which are left out")
        if finite:
            self._each("log_series", key, *zip(*finite, strict=True))

    def log_figure(self, key: str, figure: Figure) -> None:
        """Keep a picture."""
        self._each("log_figure", key, figure)

    def log_table(self, key: str, table: pd.DataFrame) -> None:
        """Keep a table, its secrets blacked out."""
        self._each("log_table", key, redact_frame(table))

    def log_text(self, key: str, text: str) -> None:
        """Keep a text, its secrets blacked out; our own drawings hold none."""
        shown = text if key.endswith(".svg") else redact(text)
        self._each("log_text", key, shown)

    def log_artifact(self, key: str, path: Path) -> None:
        """Keep a file."""
        self._each("log_artifact", key, path)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Mark the run."""
        self._each("set_tags", redact_params(tags))

    def finish(self, status: str) -> None:
        """Close the run."""
        self._each("finish", status)

    def _each(self, verb: str, *arguments: Any) -> list[Any]:
        answers = []
        for tracker, guard in zip(self.trackers, self._guards, strict=True):
            action = getattr(tracker, verb)
            if guard is None:
                answers.append(action(*arguments))
            else:
                answers.append(guard.call(verb, action, *arguments))
        return answers

    def _note(self, trouble: str) -> None:
        for guard in self._guards:
            if guard is not None:
                guard.note(trouble)


class NullTracker(SeveralTrackers):
    """Take every call and keep nothing."""


def _together(pairs: Sequence[tuple[Tracker, Guard | None]]) -> SeveralTrackers:
    guards = [guard for _, guard in pairs if guard is not None]
    return SeveralTrackers([tracker for tracker, _ in pairs], guards)
