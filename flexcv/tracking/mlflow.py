"""Runs in MLflow: a store of one file, or a server.

Every call names its run, so the active run of the user's own code stays what it is.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import mlflow
from mlflow.entities import Metric, Param, RunTag

from .base import png_bytes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

DEFAULT_STORE = "mlflow.db"
ARTIFACT_FOLDER = "mlartifacts"
NOT_ALLOWED = re.compile(r"[^\w\-./ ]")  # in the names of metrics and parameters
MOST_METRICS = 1000  # in one batch, and likewise below: limits of the server
MOST_PARAMS = 100
LONGEST_VALUE = 5000
LONGEST_NAME = 250
FLUSH_SECONDS = 2.0  # how far a chart may lie behind the fit
STATUSES = {"finished": "FINISHED", "failed": "FAILED", "killed": "KILLED"}
Item = TypeVar("Item")


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
    found = client.get_experiment_by_name(experiment)
    if found is None:
        place = _artifact_place(client.tracking_uri, experiment)
        number = client.create_experiment(experiment, artifact_location=place)
    else:
        number = found.experiment_id
    return MlflowTracker(client, number, name)


def default_uri() -> str:
    """Give the address of the environment, or of a store in the working directory."""
    if os.environ.get("MLFLOW_TRACKING_URI"):
        return str(mlflow.get_tracking_uri())
    return sqlite_uri(DEFAULT_STORE)


def sqlite_uri(path: str | Path) -> str:
    """Give the address of a store in one file."""
    return f"sqlite:///{Path(path).resolve().as_posix()}"


class MlflowTracker:
    """Keep a run in MLflow; numbers are sent in batches.

    A single number costs as much as a thousand in one batch, so points are held back
    for at most `FLUSH_SECONDS` while more of them come.
    """

    def __init__(
        self,
        client: mlflow.MlflowClient,
        experiment: str,
        name: str,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self._client = client
        self._experiment = experiment
        self._name = name
        named = {"mlflow.runName": name, **(tags or {})}
        run = client.create_run(experiment, tags=named)
        self._run = str(run.info.run_id)
        self._points: list[Metric] = []
        self._flushed = time.monotonic()
        self._keys: dict[str, str] = {}

    @property
    def run_id(self) -> str:
        """Identify the run in MLflow."""
        return self._run

    def child(self, name: str, kind: str, tags: Mapping[str, str]) -> MlflowTracker:
        """Open a run that MLflow shows below this one."""
        own = {**tags, "mlflow.parentRunId": self._run}
        # in a list of runs "fold 0" alone says too little
        title = f"{self._name}, {name}" if kind == "fold" else name
        return MlflowTracker(self._client, self._experiment, title, own)

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Note settings."""
        entries = [
            Param(self._key(name), str(value)[:LONGEST_VALUE])
            for name, value in params.items()
        ]
        for part in _batches(entries, MOST_PARAMS):
            self._client.log_batch(self._run, params=part)

    def log_metrics(
        self, metrics: Mapping[str, float], step: int | None = None
    ) -> None:
        """Note numbers; those without a step are seen at once."""
        self._hold((key, value, step or 0) for key, value in metrics.items())
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
        self._client.log_text(self._run, text, _artifact_path(key))

    def log_artifact(self, key: str, path: Path) -> None:
        """Keep a copy of a file."""
        target = Path(_artifact_path(key))
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / target.name
            copy.write_bytes(Path(path).read_bytes())
            parent = target.parent.as_posix()
            self._client.log_artifact(
                self._run, str(copy), None if parent == "." else parent
            )

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Mark the run."""
        entries = [
            RunTag(_clean(name), str(value)[:LONGEST_VALUE])
            for name, value in tags.items()
        ]
        for part in _batches(entries, MOST_PARAMS):
            self._client.log_batch(self._run, tags=part)

    def finish(self, status: str) -> None:
        """Send what is held back and close the run."""
        self._flush()
        self._client.set_terminated(self._run, STATUSES.get(status, "FAILED"))

    def __repr__(self) -> str:
        return f"<MlflowTracker {self._name!r}, run {self._run}>"

    def _hold(self, points: Iterable[tuple[str, float, int]]) -> None:
        now = int(time.time() * 1000)
        self._points += [
            Metric(self._key(key), float(value), now, int(step))
            for key, value, step in points
            if value - value == 0  # MLflow would store infinity as 1.8e308
        ]

    def _flush(self) -> None:
        """Send what is held back; what cannot be sent is not tried again."""
        points, self._points = self._points, []
        self._flushed = time.monotonic()
        for part in _batches(points, MOST_METRICS):
            self._client.log_batch(self._run, metrics=part)

    def _key(self, name: str) -> str:
        """Rewrite a name to what MLflow takes; two names never become one."""
        clean = _clean(name)
        number = 2
        while self._keys.setdefault(clean, name) != name:
            clean, number = f"{_clean(name)}_{number}", number + 1
        return clean


def _clean(name: str) -> str:
    """Give a name of allowed characters that is a plain path.

    Examples
    --------
    >>> _clean("convergence/var(subject)"), _clean("/a//../b[0]")
    ('convergence/var_subject', 'a/b_0')
    """
    swapped = NOT_ALLOWED.sub("_", name)
    parts = [part.strip("_ ") or "_" for part in swapped.split("/") if part.strip(". ")]
    return "/".join(parts)[:LONGEST_NAME] or "_"


def _artifact_path(key: str) -> str:
    """Give a path below the run's artifacts, whatever the key is.

    Examples
    --------
    >>> _artifact_path("../findings/effects of (a).csv")
    'findings/effects of (a).csv'
    """
    swapped = re.sub(r'[\x00-\x1f<>:"|?*\\#%]', "_", key)
    return "/".join(part for part in swapped.split("/") if part.strip(". ")) or "_"


def _artifact_place(uri: str, experiment: str) -> str | None:
    """Put artifacts beside a database in a file; a server has its own place."""
    if not uri.startswith("sqlite:///"):
        return None
    base = Path(uri.removeprefix("sqlite:///")).resolve().parent / ARTIFACT_FOLDER
    return (base / re.sub(r"[^\w\-. ]", "_", experiment)).as_uri()


def _batches(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
