"""A run as plain files: JSON, JSON lines, CSV, PNG and HTML. Needs nothing.

::

    tracking/
      run.json          name, kind, status, tags, params, times, process, own files
      metrics.jsonl     {"key": "mean/test/mse", "step": null, "value": 0.4}, ...
      summary.csv  residuals.html  ...
      Ridge/            the run of a model, with the same files
        fold 0/         the run of a fold

`run.json` lists what the tracker wrote. Only that is ever removed: a user's own files
may lie beside it.
"""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flexcv.errors import StorageError

from .base import RESUMED, STATUSES, Tracker, png_bytes
from .fanout import NullTracker
from .processes import is_alive, process_mark

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

RUN_FILE = "run.json"
METRICS_FILE = "metrics.jsonl"
UNSAFE = re.compile(r'[\x00-\x1f<>:"|?*\\/]')  # refused by one file system or another
LONGEST_NAME = 120
RUNNING = "running"
LARGEST_PROCESS = 2**31


@dataclass(slots=True)
class RunRecord:
    """What `run.json` holds.

    Parameters
    ----------
    name, kind
        Which run: ``"cross-validation"``, ``"model"`` or ``"fold"``.
    status
        ``"running"``, ``"finished"``, ``"failed"`` or ``"killed"``.
    started, finished
        When, in ISO 8601; empty while it runs.
    process, process_mark, host
        Who writes it. The mark tells a process from a later one with its number.
    tags, params
        As they were told.
    files, children
        What was written beside this file, and the folders of the runs below.
    """

    name: str
    kind: str
    status: str = RUNNING
    started: str = ""
    finished: str = ""
    process: int = 0
    process_mark: str = ""
    host: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)


def open_run(
    folder: str | os.PathLike[str],
    name: str = "cross-validation",
    experiment: str = "",
    *,
    goes_on: bool = False,
    kept_above: Collection[str] = (),
) -> LocalTracker:
    """Start a run in a folder; what a tracker wrote there before is removed.

    Parameters
    ----------
    folder
        Made when missing. One that holds other files alone is refused.
    name
        Shown to the reader.
    experiment
        A tag, to sort runs by.
    goes_on
        Whether an earlier run is gone on with: its finished folds stay as they are.
    kept_above
        Keys of tables that somebody else keeps in the folder above.

    Raises
    ------
    StorageError
        When the folder holds files, but no run of a local tracker.
    """
    path = Path(folder)
    if path.is_dir() and any(path.iterdir()):
        try:
            read_run(path)
        except StorageError as error:
            raise StorageError(
                f"{str(path)!r} holds files that no local tracker wrote; "
                "choose an empty or new folder."
            ) from error
        if not goes_on:
            _forget(path)
    tracker = LocalTracker(path, name, "cross-validation", kept_above)
    if experiment:
        tracker.set_tags({"flexcv.experiment": experiment})
    return tracker


class LocalTracker:
    """Keep a run, and those below it, in a folder.

    A folder that holds a run already is gone on with: settings, numbers and the runs
    below stay, and what was drawn and written is written anew.

    Parameters
    ----------
    folder
        Made when missing.
    name, kind
        Which run.
    kept_above
        Keys of tables that are not written here.

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

    def __init__(
        self, folder: Path, name: str, kind: str, kept_above: Collection[str] = ()
    ) -> None:
        self.folder = folder
        self._kept_above = frozenset(kept_above)
        self._open = {RUN_FILE, METRICS_FILE}  # names below that are taken
        self._single: dict[str, float] = {}  # numbers without a step
        self._record = RunRecord(name, kind, started=_now())
        self.was_finished = False  # by an earlier run
        folder.mkdir(parents=True, exist_ok=True)
        if (folder / RUN_FILE).is_file():
            self._take_over()
        self._record.status, self._record.finished = RUNNING, ""
        self._record.process, self._record.host = os.getpid(), platform.node()
        self._record.process_mark = process_mark(os.getpid())
        self._write_record()

    def child(self, name: str, kind: str, tags: Mapping[str, str]) -> Tracker:
        """Open a run in a folder below; a finished fold stays as it is."""
        folder = self._folder_of(name)
        self._open.add(folder.name.lower())
        if kind == "fold" and (folder / RUN_FILE).is_file():
            if RESUMED in tags and read_run(folder).status in ("finished", "failed"):
                return NullTracker()
            _forget(folder)
        if folder.name not in self._record.children:
            self._record.children.append(folder.name)
            self._write_record()
        tracker = LocalTracker(folder, name, kind)
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
        points = [(key, step, float(value)) for key, value in metrics.items()]
        if step is None:
            points = [p for p in points if self._single.get(p[0]) != p[2]]
            self._single.update({key: value for key, _, value in points})
        self._append(points)

    def log_series(
        self, key: str, values: Sequence[float], steps: Sequence[int]
    ) -> None:
        """Add a line for each point to `metrics.jsonl`."""
        points = zip(steps, values, strict=True)
        self._append([(key, int(step), float(value)) for step, value in points])

    def log_figure(self, key: str, figure: Figure) -> None:
        """Write a PNG."""
        self._keep(f"{key}.png", png_bytes(figure))

    def log_table(self, key: str, table: pd.DataFrame) -> None:
        """Write a CSV."""
        if key not in self._kept_above:
            self._keep(f"{key}.csv", table.to_csv(index=False).encode())

    def log_text(self, key: str, text: str) -> None:
        """Write a text file."""
        self._keep(key, text.encode())

    def log_artifact(self, key: str, path: Path) -> None:
        """Copy a file."""
        self._keep(key, Path(path).read_bytes())

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
        # unbuffered: lines are written at once, or not at all
        with (self.folder / METRICS_FILE).open("ab", buffering=0) as file:
            file.write("".join(lines).encode())

    def _keep(self, key: str, content: bytes) -> None:
        """Write the file of a key, which stands in the record first."""
        path = _inside(self.folder, key)
        name = path.relative_to(self.folder).as_posix()
        if name not in self._record.files:
            self._record.files.append(name)
            self._write_record()
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(path, content)

    def _folder_of(self, name: str) -> Path:
        """Return the folder of a run below: its own from an earlier run, or a new one.

        A number is added to a name that is taken, whatever the case of its letters.
        """
        base, number = file_name(name), 2
        candidate = base
        while candidate.lower() in self._open or not _is_free(
            self.folder / candidate, name
        ):
            candidate, number = f"{base} {number}", number + 1
        return self.folder / candidate

    def _take_over(self) -> None:
        """Go on with the run that the folder holds; its pictures are drawn anew."""
        self._record = read_run(self.folder)
        self.was_finished = self._record.status == "finished"
        _mend(self.folder / METRICS_FILE)
        for row in read_metrics(self.folder):
            if row["step"] is None:
                self._single[row["key"]] = row["value"]
        _remove(self.folder, self._record.files)
        self._record.files = []

    def _write_record(self) -> None:
        text = json.dumps(asdict(self._record), indent=2, default=str) + "\n"
        _write_whole(self.folder / RUN_FILE, text.encode())


def read_run(folder: str | os.PathLike[str]) -> RunRecord:
    """Read a run's record, while it runs or later.

    A run whose process is gone without a word is told as ``"killed"``. Of a run on
    another machine the status is what its record says.

    Parameters
    ----------
    folder
        That of the run, of one of its models or of a fold.

    Raises
    ------
    StorageError
        When there is no record, or it is damaged.
    """
    path = Path(folder) / RUN_FILE
    record = _record_in(path)
    here = record.host == platform.node()
    is_over = not is_alive(record.process, record.process_mark)
    if record.status == RUNNING and here and is_over:
        record.status = "killed"
    return record


def read_metrics(folder: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Read the numbers of a run: key, step and value, in the order they came.

    A last line that a killed process left half is skipped.

    Parameters
    ----------
    folder
        That of the run, of one of its models or of a fold.

    Raises
    ------
    StorageError
        When a line before the last one is damaged.
    """
    path = Path(folder) / METRICS_FILE
    if not path.is_file():
        return []
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
        return [_point(line) for line in lines[:-1]]
    except (OSError, ValueError, RecursionError) as error:
        raise StorageError(
            f"{str(path)!r} must hold one JSON object a line, but is damaged "
            f"({error}); delete it to go on without its numbers."
        ) from error


def _point(line: str) -> dict[str, Any]:
    """Read one line of numbers."""
    point = json.loads(line)
    if not isinstance(point, dict) or not point.keys() >= {"key", "step", "value"}:
        raise ValueError(f"no key, step and value in {line[:40]!r}")
    return point


def _record_in(path: Path) -> RunRecord:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        known = {entry.name for entry in fields(RunRecord)}
        record = RunRecord(**{key: content[key] for key in content if key in known})
        _refuse_other_kinds(record)
    except FileNotFoundError as error:
        raise StorageError(
            f"{str(path.parent)!r} must hold the {RUN_FILE} of a tracked run, and has "
            "none; pass the folder `tracking` of a run folder, or one below it."
        ) from error
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise StorageError(
            f"{str(path)!r} must be the record of a tracked run, but is damaged or "
            f"another file ({error}); perform the run again in a new folder."
        ) from error
    return record


def _refuse_other_kinds(record: RunRecord) -> None:
    """Refuse a record with an entry that no tracker writes."""
    names = ("name", "kind", "status", "started", "finished", "process_mark", "host")
    texts = [*(getattr(record, name) for name in names), *record.files]
    texts += record.children
    is_number = type(record.process) is int and 0 <= record.process < LARGEST_PROCESS
    are_mappings = isinstance(record.tags, dict) and isinstance(record.params, dict)
    are_texts = all(isinstance(text, str) for text in texts)
    if not (is_number and are_mappings and are_texts):
        raise TypeError("an entry is of another kind")


def _forget(folder: Path) -> None:
    """Remove what a tracker wrote into a folder, and the folder once it is empty."""
    record = read_run(folder)
    for child in record.children:
        if (_inside(folder, child) / RUN_FILE).is_file():
            _forget(_inside(folder, child))
    _remove(folder, [*record.files, METRICS_FILE, RUN_FILE])
    _remove_if_empty(folder)


def _remove(folder: Path, names: Sequence[str]) -> None:
    for name in names:
        path = _inside(folder, name)
        path.unlink(missing_ok=True)
        while path.parent != folder:
            path = path.parent
            _remove_if_empty(path)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _is_free(folder: Path, name: str) -> bool:
    """Whether a run may be opened in a folder: no run is there, or its own."""
    file = folder / RUN_FILE
    return not file.is_file() or _record_in(file).name == name


def _inside(folder: Path, key: str) -> Path:
    """Return the path of a key, inside the folder whatever the key is."""
    parts = [file_name(part) for part in key.split("/") if part]
    return folder.joinpath(*(parts or ["unnamed"]))


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file aside and put it in place, so that nobody reads half of it."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def _mend(path: Path) -> None:
    """Cut off the half line that a killed process left."""
    if path.is_file():
        content = path.read_bytes()
        if not content.endswith(b"\n"):
            _write_whole(path, content[: content.rfind(b"\n") + 1])


def file_name(text: str) -> str:
    """Return a name that every file system takes.

    Examples
    --------
    >>> file_name("MERF(Forest)"), file_name("a/b: c"), file_name("..")
    ('MERF(Forest)', 'a_b_ c', '_')
    """
    clean = UNSAFE.sub("_", text)[:LONGEST_NAME].strip(". ")
    return clean or "_"


def _plain(value: float) -> float | None:
    """Return a number that JSON knows; None for NaN and infinities."""
    return value if value - value == 0 else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
