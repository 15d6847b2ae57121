"""One line of progress on a terminal; nothing anywhere else."""

from __future__ import annotations

from typing import Any

from tqdm import tqdm

from .events import Event, RunFailed, RunFinished, RunStarted, UnitFinished, UnitStarted


class ProgressBar:
    """Listen to a run and count its units; silent when stderr is no terminal."""

    def __init__(self) -> None:
        self._bar: Any = None

    def __call__(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, RunStarted):
            total = len(event.plan) * len(event.specs)
            self._bar = tqdm(total=total, unit="unit", disable=None, leave=False)
        elif isinstance(event, UnitStarted):
            self._bar.set_description(f"{event.model}, fold {event.fold}")
        elif isinstance(event, UnitFinished):
            self._bar.update()
        elif isinstance(event, RunFinished | RunFailed):
            self._bar.close()
