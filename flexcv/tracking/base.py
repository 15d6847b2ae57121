"""What a tracker is: ten verbs that any logbook, server or folder can answer."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

STATUSES = ("finished", "failed", "killed")
BACKENDS = ("local", "mlflow", "neptune", "wandb")
RESUMED = "flexcv.resumed"  # a tag of a fold that an earlier run had finished
FIRST_METRIC = "flexcv.first_metric"  # a tag of the run: what it is sorted by
TEST_ROWS = "flexcv.test_rows"  # a tag of a fold: equal for equal test rows
VERBS = (
    "child",
    "log_params",
    "log_metrics",
    "log_series",
    "log_figure",
    "log_table",
    "log_text",
    "log_artifact",
    "set_tags",
    "finish",
)


@runtime_checkable
class Tracker(Protocol):
    """One run in a logbook, with runs below it.

    A key is a path with slashes, such as ``"test/mse"``; a backend may rewrite it to
    what its store allows. Any verb may raise: `flexcv` then warns once and goes on.
    `flexcv.testing.check_tracker` holds a tracker to this contract.

    Two things are optional. A tracker with ``keeps_flat_keys = True`` is told
    ``<model>/<metric>`` as a series over folds, too. One with a method
    ``remember_in(folder, starts_over)`` is told before all else where the run folder
    keeps its trackers' files, so that it can go on where an earlier run stopped.
    """

    def child(self, name: str, kind: str, tags: Mapping[str, str]) -> Tracker:
        """Open a run below this one: of kind ``"model"`` or ``"fold"``."""
        ...

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Note settings; called with new names only."""
        ...

    def log_metrics(
        self, metrics: Mapping[str, float], step: int | None = None
    ) -> None:
        """Note numbers; with a step they are points of series."""
        ...

    def log_series(
        self, key: str, values: Sequence[float], steps: Sequence[int]
    ) -> None:
        """Note a whole curve at once."""
        ...

    def log_figure(self, key: str, figure: Figure) -> None:
        """Keep a picture."""
        ...

    def log_table(self, key: str, table: pd.DataFrame) -> None:
        """Keep a table, without its index."""
        ...

    def log_text(self, key: str, text: str) -> None:
        """Keep a text file; the key carries its ending, such as ``"page.html"``."""
        ...

    def log_artifact(self, key: str, path: Path) -> None:
        """Keep a copy of a file."""
        ...

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Mark the run."""
        ...

    def finish(self, status: str) -> None:
        """Close the run: ``"finished"``, ``"failed"`` or ``"killed"``."""
        ...


def png_bytes(figure: Figure) -> bytes:
    """Render a figure as a PNG; one that has done so before is not asked again."""
    rendered = getattr(figure, "png", None)
    if isinstance(rendered, bytes):
        return rendered
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def is_tracker(candidate: object) -> bool:
    """Whether an object has every verb of a tracker."""
    return all(callable(getattr(candidate, verb, None)) for verb in VERBS)
