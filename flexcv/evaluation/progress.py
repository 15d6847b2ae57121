"""One line of progress: units, the trial of the current one, its best value, ETA."""

from __future__ import annotations

import sys
from typing import IO, Any

from tqdm import tqdm

from .events import (
    Event,
    RunFailed,
    RunFinished,
    RunStarted,
    TrialFinished,
    UnitFinished,
    UnitStarted,
)

REDRAW_SECONDS = 0.1  # the line is redrawn no more often, however fast trials are


class ProgressBar:
    """Listen to a run and show how far it is, on one line that is redrawn.

    The line is plain text, so terminals and notebooks show the same. Trials are shown
    in serial runs, where they can be heard; units always.

    Parameters
    ----------
    show
        Whether to show it; None asks whether somebody is looking, which is at a
        terminal or in a notebook.
    stream
        Where to write; None is standard error.

    Examples
    --------
    >>> bar = ProgressBar(show=False)
    """

    def __init__(self, show: bool | None = None, stream: IO[str] | None = None) -> None:
        self._show, self._stream = show, stream
        self._bar: Any = None

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, RunStarted):
            self._begin(len(event.plan) * len(event.specs))
        elif self._bar is None:
            return
        elif isinstance(event, UnitStarted):
            self._say(event, "")
        elif isinstance(event, TrialFinished):
            done = f"trial {event.number + 1}/{event.n_trials}"
            self._say(event, f"{done}, best {event.best_value:.4g}")
        elif isinstance(event, UnitFinished):
            if event.is_resumed:  # took no time, so it says nothing about the rest
                self._bar.initial += 1
            self._bar.update()
        elif isinstance(event, RunFinished | RunFailed):
            self._bar.close()
            self._bar = None

    def _begin(self, n_units: int) -> None:
        stream = sys.stderr if self._stream is None else self._stream
        show = is_watched(stream) if self._show is None else self._show
        if show:
            self._bar = tqdm(
                total=n_units,
                unit="unit",
                file=stream,
                leave=False,
                dynamic_ncols=True,
                smoothing=0.0,
                miniters=0,
                mininterval=REDRAW_SECONDS,
            )

    def _say(self, event: UnitStarted | TrialFinished, trial: str) -> None:
        where = f"{event.model}, fold {event.fold}"
        if event.repeat:
            where += f", repeat {event.repeat}"
        self._bar.set_description_str(where, refresh=False)
        self._bar.set_postfix_str(trial, refresh=False)
        self._bar.update(0) if trial else self._bar.refresh()


def is_watched(stream: Any) -> bool:
    """Return whether somebody is looking: at a terminal or in a notebook."""
    if hasattr(stream, "isatty") and stream.isatty():
        return True
    return type(stream).__module__.startswith("ipykernel.")
