"""What a tracker is: ten verbs that any logbook, server or folder can answer."""

from __future__ import annotations

import importlib
import importlib.util
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from flexcv._checks import check_choice
from flexcv.errors import MissingExtraError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

STATUSES = ("finished", "failed", "killed")
BACKENDS = ("local", "mlflow", "neptune", "wandb")
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


class SeveralTrackers:
    """Pass every call on to several trackers; to none is the silent tracker.

    Examples
    --------
    >>> SeveralTrackers().child("Ridge", "model", {}).log_metrics({"mse": 1.0})
    """

    def __init__(self, trackers: Iterable[Tracker] = ()) -> None:
        self.trackers = tuple(trackers)

    def child(self, name: str, kind: str, tags: Mapping[str, str]) -> SeveralTrackers:
        """Open a run below each."""
        return type(self)(tracker.child(name, kind, tags) for tracker in self.trackers)

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Note settings."""
        self._each(lambda tracker: tracker.log_params(params))

    def log_metrics(
        self, metrics: Mapping[str, float], step: int | None = None
    ) -> None:
        """Note numbers."""
        self._each(lambda tracker: tracker.log_metrics(metrics, step))

    def log_series(
        self, key: str, values: Sequence[float], steps: Sequence[int]
    ) -> None:
        """Note a curve."""
        self._each(lambda tracker: tracker.log_series(key, values, steps))

    def log_figure(self, key: str, figure: Figure) -> None:
        """Keep a picture."""
        self._each(lambda tracker: tracker.log_figure(key, figure))

    def log_table(self, key: str, table: pd.DataFrame) -> None:
        """Keep a table."""
        self._each(lambda tracker: tracker.log_table(key, table))

    def log_text(self, key: str, text: str) -> None:
        """Keep a text."""
        self._each(lambda tracker: tracker.log_text(key, text))

    def log_artifact(self, key: str, path: Path) -> None:
        """Keep a file."""
        self._each(lambda tracker: tracker.log_artifact(key, path))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Mark the run."""
        self._each(lambda tracker: tracker.set_tags(tags))

    def finish(self, status: str) -> None:
        """Close the run."""
        self._each(lambda tracker: tracker.finish(status))

    def _each(self, call: Callable[[Tracker], None]) -> None:
        for tracker in self.trackers:
            call(tracker)


class NullTracker(SeveralTrackers):
    """Take every call and keep nothing."""


def open_tracker(backend: str, /, **options: Any) -> Tracker:
    """Open a run in one of the backends.

    Parameters
    ----------
    backend
        ``"local"``, ``"mlflow"``, ``"neptune"`` or ``"wandb"``.
    options
        Those of the backend's `open_run`. All know `experiment` and `name`.

    Raises
    ------
    MissingExtraError
        When the backend's package is not installed.

    Examples
    --------
    >>> import tempfile
    >>> tracker = open_tracker("local", folder=tempfile.mkdtemp())
    >>> tracker.log_metrics({"mse": 0.5})
    """
    require_backend(backend)
    module = importlib.import_module(f"flexcv.tracking.{backend}")
    return cast("Tracker", module.open_run(**options))


def require_backend(name: str) -> None:
    """Refuse a backend that is unknown, or whose package is not installed."""
    check_choice("tracker", name, BACKENDS)
    if name != "local" and importlib.util.find_spec(name) is None:
        raise MissingExtraError(
            f"the tracker {name!r} needs a package that is not installed; "
            f"install it with: pip install 'flexcv[{name}]'."
        )


def png_bytes(figure: Figure) -> bytes:
    """Render a figure as a PNG; one that has done so before is not asked again."""
    rendered = getattr(figure, "png", None)
    if isinstance(rendered, bytes):
        return rendered
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def is_tracker(candidate: object) -> bool:
    """Tell whether an object has every verb of a tracker."""
    return all(callable(getattr(candidate, verb, None)) for verb in VERBS)
