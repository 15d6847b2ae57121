"""Runs of Neptune's shape: ``run["a/b"].append(value, step=...)``.

A run is known by what it can do, so that one of a compatible fork serves as well, and
this module imports the client only to open a run of its own.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flexcv.errors import MissingExtraError

from .base import png_bytes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# what Neptune would collect besides; a user's own run keeps its own choice
NOTHING_ELSE = {
    "capture_stdout": False,
    "capture_stderr": False,
    "capture_traceback": False,
    "capture_hardware_metrics": False,
    "source_files": [],
}
PLAIN = (bool, int, float, str)


def open_run(
    experiment: str = "flexcv", name: str = "cross-validation", **options: Any
) -> NeptuneTracker:
    """Start a run, which is stopped when the cross-validation is done.

    Parameters
    ----------
    experiment
        Noted as a tag.
    name
        The run's name.
    options
        Those of `neptune.init_run`, such as ``mode="offline"`` and ``project``.
    """
    neptune = importlib.import_module("neptune")
    run = neptune.init_run(name=name, **{**NOTHING_ELSE, **options})
    tracker = NeptuneTracker(run, stops=True)
    tracker.set_tags({"flexcv.experiment": experiment})
    return tracker


def adopt(run: Any) -> NeptuneTracker:
    """Write into a live run, which stays its owner's: it is never stopped."""
    return NeptuneTracker(run)


class NeptuneTracker:
    """Write below one place of a run; runs below it are further places.

    Parameters
    ----------
    run
        Anything that can be subscripted as Neptune's runs and handlers can.
    place
        A path that ends in a slash, or an empty text.
    stops
        Whether `finish` stops the run.
    """

    keeps_flat_keys = True

    def __init__(self, run: Any, place: str = "", *, stops: bool = False) -> None:
        self._run = run
        self._place = place
        self._stops = stops

    def child(self, name: str, kind: str, tags: Mapping[str, str]) -> NeptuneTracker:
        """Take a place below this one."""
        tracker = NeptuneTracker(self._run, f"{self._place}{_one_part(name)}/")
        tracker.set_tags({"flexcv.kind": kind, **tags})
        return tracker

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Note settings below ``parameters``."""
        for name, value in params.items():
            self._assign(f"parameters/{name}", value)

    def log_metrics(
        self, metrics: Mapping[str, float], step: int | None = None
    ) -> None:
        """Note single numbers, or add a point to series."""
        for key, value in metrics.items():
            if step is None:
                self._assign(key, float(value))
            else:
                self._at(key).append(float(value), step=int(step))

    def log_series(
        self, key: str, values: Sequence[float], steps: Sequence[int]
    ) -> None:
        """Note a curve."""
        numbers = [float(value) for value in values]
        self._at(key).extend(numbers, steps=[int(step) for step in steps])

    def log_figure(self, key: str, figure: Figure) -> None:
        """Upload a PNG below ``figures``."""
        self._upload(f"figures/{key}", png_bytes(figure), "png")

    def log_table(self, key: str, table: pd.DataFrame) -> None:
        """Upload a table, as a page to look at and as CSV."""
        page = table.to_html(index=False, border=0)
        self._upload(f"tables/{key}", page, "html")
        self._upload(f"tables/{key}_csv", table.to_csv(index=False), "csv")

    def log_text(self, key: str, text: str) -> None:
        """Upload a text below ``files``, a drawing below ``figures``."""
        stem, dot, ending = key.rpartition(".")
        place = "figures" if ending == "svg" else "files"
        self._upload(f"{place}/{stem if dot else key}", text, ending if dot else "txt")

    def log_artifact(self, key: str, path: Path) -> None:
        """Upload a file below ``files``."""
        ending = Path(path).suffix.lstrip(".") or "bin"
        stem = key.removesuffix(f".{ending}")
        self._upload(f"files/{stem}", Path(path).read_bytes(), ending)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Note tags below ``tags``."""
        for name, value in tags.items():
            self._assign(f"tags/{name}", str(value))

    def finish(self, status: str) -> None:
        """Note the status; stop the run if it was opened here."""
        self._assign("status", status)
        if self._stops:
            self._run.stop()

    def __repr__(self) -> str:
        return f"<NeptuneTracker at {self._place or 'the whole run'!r}>"

    def _at(self, key: str) -> Any:
        return self._run[self._place + key.strip("/")]

    def _assign(self, key: str, value: Any) -> None:
        self._at(key).assign(value if isinstance(value, PLAIN) else str(value))

    def _upload(self, key: str, content: str | bytes, ending: str) -> None:
        file = file_class(self._run).from_content(content, extension=ending)
        self._at(key).upload(file)


def file_class(run: Any) -> Any:
    """Return the class `File` that belongs to a run: that of its own package.

    Raises
    ------
    MissingExtraError
        When the run's package has none, so that files cannot be uploaded.
    """
    parts = type(run).__module__.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join([*parts[:length], "types"])
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        if hasattr(module, "File"):
            return module.File
    raise MissingExtraError(
        f"the run's package {parts[0]!r} must have a class `types.File` to upload "
        "figures and tables, and has none; numbers are kept."
    )


def _one_part(name: str) -> str:
    """Keep a name from opening a place of its own."""
    return name.replace("/", "_").strip() or "_"
