"""A run as plain files: JSON, JSON lines, CSV, PNG and HTML. Needs nothing.

::

    tracking/
      run.json          name, kind, status, tags, params, times, process
      metrics.jsonl     {"key": "mean/test/mse", "step": null, "value": 0.4}, ...
      summary.csv  residuals.html  ...
      Ridge/            the run of a model, with the same files
        fold 0/         the run of a fold
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flexcv.errors import StorageError

from .base import STATUSES, png_bytes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

RUN_FILE = "run.json"
METRICS_FILE = "metrics.jsonl"
UNSAFE = re.compile(r'[\x00-\x1f<>:"|?*\\/]')  # refused by one file system or another
LONGEST_NAME = 120


@dataclass(slots=True)
class RunRecord:
    """What `run.json` holds."""

    name: str
    kind: str
    status: str = "running"
    started: str = ""
    finished: str = ""
    process: int = 0
    host: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)


def open_run(
    folder: str | os.PathLike[str],
    name: str = "cross-validation",
    experiment: str = "",
) -> LocalTracker:
    """Start a run in a folder; what an earlier run kept there is removed.

    Parameters
    ----------
    folder
        Made when missing. One that holds other files is refused.
    name
        Shown to the reader.
    experiment
        A tag, to sort runs by.

    Raises
    ------
    StorageError
        When the folder holds files that no local tracker wrote.
    """
    path = Path(folder)
    if path.is_dir() and any(path.iterdir()):
        if not _was_written_here(path):
            raise StorageError(
                f"{str(path)!r} holds files that no local tracker wrote; "
                "choose an empty or new folder."
            )
        shutil.rmtree(path)
    tracker = LocalTracker(path, name, "cross-validation")
    if experiment:
        tracker.set_tags({"flexcv.experiment": experiment})
    return tracker


class LocalTracker:
    """Keep a run, and those below it, in a folder.

    Examples
    --------
    >>> import tempfile
    >>> tracker = LocalTracker(Path(tempfile.mkdtemp()) / "run", "demo", "fold")
    >>> tracker.log_series("convergence/loglik", [-9.0, -8.5], [0, 1])
    >>> read_metrics(tracker.folder)[1]
    {'key': 'convergence/loglik', 'step': 1, 'value': -8.5}
    >>> tracker.finish("finished")
    >>> read_run(tracker.folder).status
    'finished'
    """

    def __init__(self, folder: Path, name: str, kind: str) -> None:
        self.folder = folder
        self._children = {RUN_FILE, METRICS_FILE}
        folder.mkdir(parents=True, exist_ok=True)
        self._record = RunRecord(
            name, kind, started=_now(), process=os.getpid(), host=platform.node()
        )
        self._write_record()

    def child(self, name: str, kind: str, tags: Mapping[str, str]) -> LocalTracker:
        """Open a run in a folder below."""
        folder = _unused(file_name(name), self._children)
        self._children.add(folder.lower())
        tracker = LocalTracker(self.folder / folder, name, kind)
        tracker.set_tags(tags)
        return tracker

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Note settings in `run.json`."""
        self._record.params.update(params)
        self._write_record()

    def log_metrics(
        self, metrics: Mapping[str, float], step: int | None = None
    ) -> None:
        """Add a line for each number to `metrics.jsonl`."""
        self._append([(key, step, value) for key, value in metrics.items()])

    def log_series(
        self, key: str, values: Sequence[float], steps: Sequence[int]
    ) -> None:
        """Add a line for each point to `metrics.jsonl`."""
        points = zip(steps, values, strict=True)
        self._append([(key, int(step), value) for step, value in points])

    def log_figure(self, key: str, figure: Figure) -> None:
        """Write a PNG."""
        self._file(key, ".png").write_bytes(png_bytes(figure))

    def log_table(self, key: str, table: pd.DataFrame) -> None:
        """Write a CSV."""
        table.to_csv(self._file(key, ".csv"), index=False)

    def log_text(self, key: str, text: str) -> None:
        """Write a text file."""
        self._file(key, "").write_text(text, encoding="utf-8")

    def log_artifact(self, key: str, path: Path) -> None:
        """Copy a file."""
        shutil.copyfile(path, self._file(key, ""))

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Note tags in `run.json`."""
        self._record.tags.update(tags)
        self._write_record()

    def finish(self, status: str) -> None:
        """Note the status and the time in `run.json`."""
        self._record.status = status if status in STATUSES else "failed"
        self._record.finished = _now()
        self._write_record()

    def __repr__(self) -> str:
        return f"<LocalTracker {self._record.name!r} in {str(self.folder)!r}>"

    def _append(self, points: Sequence[tuple[str, int | None, float]]) -> None:
        lines = [
            json.dumps({"key": key, "step": step, "value": _plain(value)}) + "\n"
            for key, step, value in points
        ]
        with (self.folder / METRICS_FILE).open("a", encoding="utf-8") as file:
            file.write("".join(lines))

    def _file(self, key: str, ending: str) -> Path:
        """Give the file of a key, inside this folder whatever the key is."""
        parts = [file_name(part) for part in key.split("/") if part]
        path = self.folder.joinpath(*(parts or ["unnamed"]))
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.with_name(path.name + ending) if ending else path

    def _write_record(self) -> None:
        text = json.dumps(asdict(self._record), indent=2, default=str) + "\n"
        temporary = self.folder / (RUN_FILE + ".new")
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, self.folder / RUN_FILE)


def read_run(folder: str | os.PathLike[str]) -> RunRecord:
    """Read a run's record; one whose process is gone is told as ``"killed"``.

    Parameters
    ----------
    folder
        That of the run, of one of its models or of a fold.
    """
    content = json.loads((Path(folder) / RUN_FILE).read_text(encoding="utf-8"))
    record = RunRecord(**content)
    here = record.host == platform.node()
    if record.status == "running" and here and not _is_alive(record.process):
        record.status = "killed"
    return record


def read_metrics(folder: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Read the numbers of a run: key, step and value, in the order they came.

    A last line that a killed process left half is skipped.
    """
    path = Path(folder) / METRICS_FILE
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1]]


def _was_written_here(folder: Path) -> bool:
    try:
        read_run(folder)
    except (OSError, ValueError, TypeError):
        return False
    return True


def file_name(text: str) -> str:
    """Give a name that every file system takes.

    Examples
    --------
    >>> file_name("MERF(Forest)"), file_name("a/b: c"), file_name("..")
    ('MERF(Forest)', 'a_b_ c', '_')
    """
    clean = UNSAFE.sub("_", text)[:LONGEST_NAME].strip(". ")
    return clean or "_"


def _unused(name: str, taken: set[str]) -> str:
    """Add a number to a name that is taken, whatever the case of its letters."""
    candidate, number = name, 2
    while candidate.lower() in taken:
        candidate, number = f"{name} {number}", number + 1
    return candidate


def _plain(value: float) -> float | None:
    """Give a number that JSON knows; None for NaN and infinities."""
    number = float(value)
    return number if number - number == 0 else None


def _is_alive(process: int) -> bool:
    if os.name == "nt":  # signal 0 would end the process there
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
