"""One line of progress: units, the trial of the current one, its best value, ETA."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterable
from typing import IO, Any

from tqdm import tqdm

from flexcv.model_mapping import ModelSpec
from flexcv.resampling import Plan

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
KNOWN = "{desc}: {percentage:3.0f}% {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}{postfix}]"  # noqa: E501
UNKNOWN = "{desc}: {percentage:3.0f}% {n_fmt}/{total_fmt} [{elapsed}<?{postfix}]"


def count_fits(plan: Plan, specs: Iterable[ModelSpec], n_trials: int) -> int:
    """Count the fits that a run needs at most: tuned ones, outer ones, variants.

    Parameters
    ----------
    plan
        Its outer and inner splits.
    specs
        The models.
    n_trials
        Trials of the tuned models that name no number of their own.
    """
    total = 0
    for spec in specs:
        trials = (spec.n_trials or n_trials) if spec.is_tuned else 0
        total += sum(1 + len(spec.variants) + trials * len(f.inner) for f in plan)
    return total


class ProgressBar:
    """Listen to a run and show how far it is, on one line that is redrawn.

    A terminal is written to; a notebook has one output whose text is replaced, so that
    a saved or exported one holds its last line. Trials are shown in serial runs, where
    they can be heard; units always.

    Parameters
    ----------
    show
        Whether to show it; None asks whether somebody is looking, which is at a
        terminal or in a notebook.
    stream
        Where to write; None is standard error.
    n_fits
        What the run needs at most, which is told first where something is tuned.
    objective
        What tuning makes small or large, by name.

    Examples
    --------
    >>> bar = ProgressBar(show=False)
    """

    def __init__(
        self,
        show: bool | None = None,
        stream: IO[str] | None = None,
        *,
        n_fits: int | None = None,
        objective: str = "",
    ) -> None:
        self._show, self._stream = show, stream
        self._n_fits, self._objective = n_fits, objective
        self._bar: Any = None
        self._output: _Output | None = None

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, RunStarted):
            self._begin(event)
        elif self._bar is None:
            return
        elif isinstance(event, UnitStarted):
            self._say(event, "")
        elif isinstance(event, TrialFinished):
            done = f"trial {event.number + 1}/{event.n_trials}"
            best = " ".join(["best", self._objective]).strip()
            self._say(event, f"{done}, {best} {event.best_value:.4g}")
        elif isinstance(event, UnitFinished):
            self._count(event)
        elif isinstance(event, RunFinished | RunFailed):
            self._end(event)

    def _begin(self, event: RunStarted) -> None:
        stream = sys.stderr if self._stream is None else self._stream
        show = is_watched(stream) if self._show is None else self._show
        if not show:
            return
        self._output = _Output() if is_notebook(stream) else None
        file: Any = stream if self._output is None else self._output
        self._tell_fits(event, file)
        self._bar = tqdm(
            total=len(event.plan) * len(event.specs),
            unit="unit",
            file=file,
            leave=False,
            dynamic_ncols=self._output is None,
            smoothing=0.0,
            miniters=0,
            mininterval=REDRAW_SECONDS,
            bar_format=UNKNOWN,
        )

    def _tell_fits(self, event: RunStarted, file: Any) -> None:
        """Say first how many fits are to come, where something is tuned."""
        if self._n_fits is not None and any(spec.is_tuned for spec in event.specs):
            n_units = len(event.plan) * len(event.specs)
            file.write(f"up to {self._n_fits:,} fits in {n_units:,} units\n")

    def _count(self, event: UnitFinished) -> None:
        if event.is_resumed:  # took no time, so it says nothing about the rest
            self._bar.initial += 1
        else:
            self._bar.bar_format = KNOWN
        self._bar.update()

    def _end(self, event: RunFinished | RunFailed) -> None:
        done, total = self._bar.n, self._bar.total
        self._bar.close()
        self._bar = None
        if self._output is not None:
            took = tqdm.format_interval(event.seconds)
            self._output.write(f"{done} of {total} units, {took}")

    def _say(self, event: UnitStarted | TrialFinished, trial: str) -> None:
        where = f"{event.model}, fold {event.fold}"
        if event.repeat:
            where += f", repeat {event.repeat}"
        self._bar.set_description_str(where, refresh=False)
        self._bar.set_postfix_str(trial, refresh=False)
        self._bar.update(0) if trial else self._bar.refresh()


class _Output:
    """One output of a notebook's cell: what ends in a newline stays above the line."""

    def __init__(self) -> None:
        self._handle: Any = None
        self._above = ""

    def write(self, text: str) -> None:
        """Replace the line by a text that is not empty."""
        said = text.replace("\r", "").strip()
        if not said:
            return
        if text.endswith("\n"):
            self._above += f"{said}\n"
            said = ""
        shown = {"text/plain": self._above + said}
        if self._handle is None:
            display = importlib.import_module("IPython.display").display
            self._handle = display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)

    def flush(self) -> None:
        """Do nothing; an output is shown at once."""


def is_notebook(stream: Any) -> bool:
    """Return whether a stream is the output of a notebook's kernel."""
    return type(stream).__module__.startswith("ipykernel.")


def is_watched(stream: Any) -> bool:
    """Return whether somebody is looking: at a terminal or in a notebook."""
    if hasattr(stream, "isatty") and stream.isatty():
        return True
    return is_notebook(stream)
