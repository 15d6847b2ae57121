"""Runs in MLflow: a store of one file, or a server.

Every call names its run, so the active run of the user's own code stays what it is.
With a run folder the identifiers are kept there, and a run that stopped goes on.
"""

from __future__ import annotations

import os
import tempfile
import time
import urllib.request
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .quiet_mlflow import mlflow  # isort: skip  first of all: it keeps MLflow quiet
from mlflow.entities import Metric, Param, Run, RunTag
from mlflow.exceptions import MlflowException

from .base import RESUMED, Tracker, png_bytes
from .fanout import NullTracker
from .keys import FOLDERS, PATHS, key_of
from .ledger import (
    LEDGER_FILE,
    RUNNING,
    TOP,
    Address,
    Ledger,
    address_of,
    place_below,
    running_elsewhere,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

DEFAULT_STORE = "mlflow.db"
ARTIFACT_FOLDER = "mlartifacts"
MOST_METRICS = 1000  # in one batch, and likewise below: limits of the server
MOST_PARAMS = 100
LONGEST_VALUE = 5000
FLUSH_SECONDS = 2.0  # how far a chart may lie behind the fit
ANSWER_SECONDS = 5.0  # that a server may take to say that it is there
STATUSES = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}
PARENT = "mlflow.parentRunId"
ROOT = "flexcv.run"  # the cross-validation that a run belongs to
GONE = "RESOURCE_DOES_NOT_EXIST"
DELETED = "deleted"
LONGEST_EXPERIMENT = 500
LONGEST_FOLDER = 60  # file systems count bytes, of which a letter may have four
Item = TypeVar("Item")


@dataclass(slots=True)
class _Known:
    """What a run held when it was gone on with: nothing of it is told twice."""

    params: set[str] = field(default_factory=set)
    single: dict[str, float] = field(default_factory=dict)  # the newest of each metric
    steps: dict[str, set[int]] = field(default_factory=dict)


def open_run(
    experiment: str = "flexcv",
    name: str = "cross-validation",
    uri: str | None = None,
) -> MlflowTracker:
    """Start a run in an experiment, which is made when missing.

    Parameters
    ----------
    experiment
        Its name.
    name
        The run's name.
    uri
        Of a server, or of a database such as ``"sqlite:///mlflow.db"``. None takes
        the environment's MLFLOW_TRACKING_URI, else `mlflow.db` in the working
        directory, which is where ``python -m flexcv ui`` looks.
    """
    client = mlflow.MlflowClient(tracking_uri=uri or default_uri())
    return MlflowTracker(client, _experiment(client, experiment), name)


def _experiment(client: mlflow.MlflowClient, name: str) -> str:
    """Return the identifier of an experiment, which is made when missing."""
    if not 0 < len(name) <= LONGEST_EXPERIMENT:
        raise ValueError(
            f"`experiment` must be a name of 1 to {LONGEST_EXPERIMENT} characters for "
            f"MLflow, got {len(name)}; a run folder's name is taken for it."
        )
    found = client.get_experiment_by_name(name)
    if found is None:
        place = _artifact_place(client.tracking_uri, name)
        try:
            return str(client.create_experiment(name, artifact_location=place))
        except MlflowException:
            found = client.get_experiment_by_name(name)
            if found is None:  # else another process was faster
                raise
    if found.lifecycle_stage == DELETED:
        raise ValueError(
            f"the experiment {name!r} was deleted in this store, and MLflow keeps its "
            f"name; client.restore_experiment({found.experiment_id!r}) brings it back, "
            "or take another name, which is that of the run folder."
        )
    return str(found.experiment_id)


def default_uri() -> str:
    """Return the address of the environment, or of a store in the working directory."""
    if os.environ.get("MLFLOW_TRACKING_URI"):
        return str(mlflow.get_tracking_uri())
    return sqlite_uri(DEFAULT_STORE)


def sqlite_uri(path: str | Path) -> str:
    """Return the address of a store in one file."""
    return f"sqlite:///{Path(path).resolve().as_posix()}"


class MlflowTracker:
    """Keep a run in MLflow; numbers are sent in batches.

    A single number costs as much as a thousand in one batch, so points are held back
    for at most `FLUSH_SECONDS` while more of them come. The run is begun when it is
    first told something.

    Parameters
    ----------
    client
        Of the store.
    experiment
        Its identifier.
    name
        Of the run.
    tags
        Those it begins with.
    ledger
        What a run folder knows of runs in this store, or None.
    place
        Which of them this one is.
    """

    def __init__(
        self,
        client: mlflow.MlflowClient,
        experiment: str,
        name: str,
        tags: Mapping[str, str] | None = None,
        ledger: Ledger | None = None,
        place: str = TOP,
    ) -> None:
        self._client = client
        self._experiment = experiment
        self._name = name
        self._tags = {"mlflow.runName": name, **(tags or {})}
        self._ledger = ledger
        self._place = place
        self._run = ""
        self._known = _Known()
        self._points: list[Metric] = []
        self._flushed = time.monotonic()

    @property
    def run_id(self) -> str:
        """Identify the run in MLflow."""
        if not self._run:
            self._run = self._gone_on_with() or self._begun()
            self._note_status(RUNNING)
        return self._run

    @property
    def address(self) -> Address:
        """Identify store and experiment, without secrets."""
        return address_of(self._client.tracking_uri, self._experiment)

    def remember_in(self, folder: Path, starts_over: bool) -> None:
        """Keep identifiers in a folder, and go on with the run that it knows.

        Parameters
        ----------
        folder
            Where the trackers of a run folder keep their files.
        starts_over
            Whether to begin a new run; one that was killed is ended.
        """
        ledger = Ledger(folder / LEDGER_FILE, self.address)
        top = ledger.get(TOP)
        if starts_over or (self._run and top is not None and top.id != self._run):
            _end_all(self._client, ledger)
            ledger.forget()
        self._ledger = ledger
        if self._run and self._is_over():
            self._run = ""  # of an earlier run: opened again, or begun anew
        elif self._run:
            self._note_status(RUNNING)

    def child(self, name: str, kind: str, tags: Mapping[str, str]) -> Tracker:
        """Open a run below this one; a finished fold stays as it is."""
        root = self._tags.get(ROOT, self.run_id)  # a model's folds name the top run
        own = {**tags, PARENT: self.run_id, ROOT: root}
        place = place_below(self._place, name)
        known = None if self._ledger is None else self._ledger.get(place)
        if kind == "fold" and RESUMED in tags and known is not None and known.has_ended:
            return NullTracker()
        # in a list of runs "fold 0" alone says too little
        title = f"{self._name}, {name}" if kind == "fold" else name
        below = (self._client, self._experiment, title, own, self._ledger, place)
        tracker = MlflowTracker(*below)
        _ = tracker.run_id  # begun now: MLflow shows the time
        return tracker

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Note settings."""
        entries = [
            Param(key_of(name), str(value)[:LONGEST_VALUE])
            for name, value in params.items()
        ]
        run = self.run_id
        new = [entry for entry in entries if entry.key not in self._known.params]
        for part in _batches(new, MOST_PARAMS):
            self._client.log_batch(run, params=part)

    def log_metrics(
        self, metrics: Mapping[str, float], step: int | None = None
    ) -> None:
        """Note numbers; those without a step are seen at once."""
        self._hold((key, value, step) for key, value in metrics.items())
        if step is None or time.monotonic() - self._flushed > FLUSH_SECONDS:
            self._flush()

    def log_series(
        self, key: str, values: Sequence[float], steps: Sequence[int]
    ) -> None:
        """Note a curve."""
        pairs = zip(values, steps, strict=True)
        self._hold((key, value, step) for value, step in pairs)
        if len(self._points) >= MOST_METRICS:
            self._flush()

    def log_figure(self, key: str, figure: Figure) -> None:
        """Keep a PNG among the artifacts."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "figure.png"
            path.write_bytes(png_bytes(figure))
            self.log_artifact(f"{key}.png", path)

    def log_table(self, key: str, table: pd.DataFrame) -> None:
        """Keep a CSV, which MLflow shows as a table."""
        self.log_text(f"{key}.csv", table.to_csv(index=False))

    def log_text(self, key: str, text: str) -> None:
        """Keep a text; MLflow shows a page whose key ends in ``.html``."""
        self._client.log_text(self.run_id, text, key_of(key, PATHS))

    def log_artifact(self, key: str, path: Path) -> None:
        """Keep a copy of a file."""
        target = Path(key_of(key, PATHS))
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / target.name
            copy.write_bytes(Path(path).read_bytes())
            parent = target.parent.as_posix()
            self._client.log_artifact(
                self.run_id, str(copy), None if parent == "." else parent
            )

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Mark the run."""
        entries = [
            RunTag(key_of(name), str(value)[:LONGEST_VALUE])
            for name, value in tags.items()
        ]
        for part in _batches(entries, MOST_PARAMS):
            self._client.log_batch(self.run_id, tags=part)

    def finish(self, status: str) -> None:
        """Send what is held back and close the run."""
        status = status if status in STATUSES else "failed"
        self._flush()
        self._client.set_terminated(self.run_id, STATUSES[status])
        self._note_status(status)
        if self._ledger is not None and self._place == TOP:
            _end_all(self._client, self._ledger)  # folds that nobody ran again

    def __repr__(self) -> str:
        return f"<MlflowTracker {self._name!r}, run {self._run or 'not begun'}>"

    def _begun(self) -> str:
        if self._ledger is not None and self._place == TOP:
            self._ledger.forget()
        run = self._client.create_run(self._experiment, tags=self._tags)
        self._known = _Known()
        return str(run.info.run_id)

    def _gone_on_with(self) -> str:
        """Open the run that the folder knows, or return an empty text."""
        known = None if self._ledger is None else self._ledger.get(self._place)
        run = None if known is None else _found(self._client, known.id)
        if run is None:
            return ""
        self._known = _Known(set(run.data.params), dict(run.data.metrics))
        number = str(run.info.run_id)
        self._client.update_run(number, status="RUNNING")
        return number

    def _is_over(self) -> bool:
        run = _found(self._client, self._run)
        return run is None or run.info.status in STATUSES.values()

    def _note_status(self, status: str) -> None:
        if self._ledger is not None:
            self._ledger.put(self._place, self._run, status)

    def _hold(self, points: Iterable[tuple[str, float, int | None]]) -> None:
        run, now = self.run_id, int(time.time() * 1000)
        for name, value, step in points:
            key = key_of(name)
            if step is None and self._known.single.get(key) == value:
                continue
            if step is not None and step in self._steps_known(run, key):
                continue
            self._points.append(Metric(key, float(value), now, int(step or 0)))

    def _steps_known(self, run: str, key: str) -> set[int]:
        """Return the steps of a series that an earlier part of the run told."""
        if key not in self._known.single:
            return set()
        if key not in self._known.steps:
            history = self._client.get_metric_history(run, key)
            self._known.steps[key] = {point.step for point in history}
        return self._known.steps[key]

    def _flush(self) -> None:
        """Send what is held back; what cannot be sent is not tried again."""
        points, self._points = self._points, []
        self._flushed = time.monotonic()
        for part in _batches(points, MOST_METRICS):
            self._client.log_batch(self.run_id, metrics=part)


def end_killed(file: Path, kept: Container[Address | None]) -> None:
    """End runs that were killed, in stores that nobody writes to any more.

    Parameters
    ----------
    file
        Where a run folder keeps identifiers.
    kept
        Addresses that are written to now.
    """
    for ledger in running_elsewhere(file, kept):
        store, _ = ledger.address
        if store.startswith("http"):  # MLflow's client would try for minutes
            urllib.request.urlopen(f"{store}/health", timeout=ANSWER_SECONDS).close()
        _end_all(mlflow.MlflowClient(tracking_uri=store), ledger)


def _end_all(client: mlflow.MlflowClient, ledger: Ledger) -> None:
    """End as killed what a ledger calls running."""
    for place, run in list(ledger.running()):
        if _found(client, run.id) is not None:
            client.set_terminated(run.id, STATUSES["killed"])
        ledger.put(place, run.id, "killed")


def _found(client: mlflow.MlflowClient, run: str) -> Run | None:
    """Return a run, unless somebody has deleted it."""
    try:
        found = client.get_run(run)
    except MlflowException as error:
        if error.error_code == GONE:
            return None
        raise
    return found if found.info.lifecycle_stage == "active" else None


def _artifact_place(uri: str, experiment: str) -> str | None:
    """Put artifacts beside a database in a file; a server has its own place."""
    if not uri.startswith("sqlite:///"):
        return None
    base = Path(uri.removeprefix("sqlite:///")).resolve().parent / ARTIFACT_FOLDER
    return (base / key_of(experiment, FOLDERS, LONGEST_FOLDER)).as_uri()


def _batches(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
