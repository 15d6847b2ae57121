"""MLflow's pages on a local store, opened where a reader wants to start.

MLflow's own start page shows another kind of work, and its table of runs hides the
metrics. So this prints links to views that are prepared for each cross-validation: its
models side by side, and the convergence of the folds of each model in one chart.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flexcv.errors import StorageError

from .base import FIRST_METRIC, TEST_ROWS
from .facts import DIRECTION, GREATER
from .keys import key_of
from .mlflow import PARENT, ROOT
from .quiet_mlflow import OFF, mlflow

HOST = "127.0.0.1"
DEFAULT_PORT = 5000
START_SECONDS = 120.0
POLL_SECONDS = 0.3
STOP_SECONDS = 10.0
# the server is ours, so it reports to nobody and runs no jobs of its own
ENVIRONMENT = {**OFF, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
VIEW_TAG = "mlflow.sharedViewState."  # how MLflow keeps a view that can be linked to
RUNS_PAGE = "/#/experiments/{experiment}/runs?workflowType=machine_learning"
ROWS = f"tags.`{TEST_ROWS}`"
CHARTS = "&compareRunsMode=CHART"
MOST_LINKED = 20  # cross-validations of an experiment, newest first
PAGES = {  # artifacts of a run, the most telling first
    "residuals.html": "residual plots",
    "classes.html": "plots of the classes",
    "error.txt": "why it stopped",
}


@dataclass(frozen=True, slots=True)
class Link:
    """A page of the dashboard: what it shows and where it is."""

    title: str
    url: str


class Dashboard:
    """A server on the local machine and the links into it.

    Parameters
    ----------
    store
        The database file that runs were written to.
    port
        On 127.0.0.1; 0 takes a free one.

    Raises
    ------
    StorageError
        When there is no such file, the port is taken, or the server does not start.
    """

    def __init__(self, store: str | os.PathLike[str], port: int = DEFAULT_PORT) -> None:
        path = Path(store).resolve()
        if not path.is_file():
            raise StorageError(
                f"there is no store {str(path)!r}; write one with "
                "set_run(..., tracker='mlflow'), or pass its file as --store."
            )
        self.uri = f"sqlite:///{path.as_posix()}"
        self.port = _free_port(port)
        self.url = f"http://{HOST}:{self.port}"
        self.links = prepare_links(self.uri, self.url)
        self._server = _start_server(self.uri, self.port)
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def wait(self) -> None:
        """Stay until the server ends."""
        self._server.wait()

    def stop(self) -> None:
        """End the server and what it started."""
        _end(self._server, signal.SIGTERM)
        try:
            self._server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            _end(self._server, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
            self._server.wait(STOP_SECONDS)

    def __enter__(self) -> Dashboard:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._server.poll() is None:
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"{self.url}/health", timeout=5).close()
                return
            time.sleep(POLL_SECONDS)
        raise StorageError(
            f"MLflow's server did not start on {self.url}; "
            f"try: mlflow server --backend-store-uri {self.uri}"
        )


def serve_ui(
    store: str | os.PathLike[str], port: int, write: Callable[[str], object]
) -> None:
    """Start the dashboard, write its links and stay until interrupted.

    Parameters
    ----------
    store
        The database file.
    port
        On 127.0.0.1; 0 takes a free one.
    write
        Takes the text for the reader.
    """
    with Dashboard(store, port) as dashboard:
        lines = [f"  {link.title}\n    {link.url}\n" for link in dashboard.links]
        write("".join(["MLflow is running; open\n", *lines, "Ctrl+C ends it.\n"]))
        with contextlib.suppress(KeyboardInterrupt), _ended_like_ctrl_c():
            dashboard.wait()


@contextlib.contextmanager
def _ended_like_ctrl_c() -> Iterator[None]:
    """Let a request to end (SIGTERM) stop the server, too, as Ctrl+C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def prepare_links(uri: str, url: str) -> tuple[Link, ...]:
    """Keep a view of each cross-validation in the store and link to it.

    Parameters
    ----------
    uri
        Of the store.
    url
        Of the server.
    """
    client = mlflow.MlflowClient(tracking_uri=uri)
    links: list[Link] = []
    for experiment in client.search_experiments():
        number = str(experiment.experiment_id)
        runs = client.search_runs(
            [number],
            "tags.`flexcv.kind` = 'cross-validation'",
            max_results=MOST_LINKED,
            order_by=["attributes.start_time DESC"],
        )
        for run in runs:
            links += _links_of(client, experiment, run, url)
    return tuple(links)


def _links_of(client: Any, experiment: Any, run: Any, url: str) -> list[Link]:
    """Link to one cross-validation: models, folds, curves and a page of pictures."""
    page = url + RUNS_PAGE.format(experiment=experiment.experiment_id)
    title = f"{experiment.name}, {_when(run)}"
    links = []
    for number, (what, view, more) in enumerate(_views_of(client, run)):
        key = f"flexcv-{run.info.run_id}-{number}"
        _keep_view(client, experiment, key, view)
        links.append(Link(f"{title}: {what}", _to_view(page, key) + more))
    what, place = _page_of(client, run)
    own = f"{url}/#/experiments/{experiment.experiment_id}/runs/{run.info.run_id}"
    address = f"{own}{place}?workflowType=machine_learning"
    return [*links, Link(f"{title}: {what}", address)]


def _views_of(client: Any, run: Any) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield title, view and address's end of each table of a cross-validation."""
    models, directions = _children(client, run), _directions(run)
    if models:
        view = _view(_below(run), _score_columns(models, "mean/"), directions)
        yield "the models side by side", view, ""
    folds = {model.info.run_name: _children(client, model) for model in models}
    scored = [fold for own in folds.values() for fold in own if ROOT in fold.data.tags]
    columns = _score_columns(scored, "")
    if columns:
        view = _view(_folds_of(run), [*columns, ROWS], directions)
        yield "all folds, ranked", view, ""
    for model in models:
        own = folds[model.info.run_name]
        if any(_has_curves(fold) for fold in own):
            view = _view(_below(model), _score_columns(own, ""), directions)
            yield f"{model.info.run_name}, fold by fold", view, CHARTS


def _page_of(client: Any, run: Any) -> tuple[str, str]:
    """Return what is best looked at of one run, and where it is below its page."""
    kept = {entry.path for entry in client.list_artifacts(run.info.run_id)}
    for file, what in PAGES.items():
        if file in kept:
            return what, f"/artifacts/{file}"
    return f"its settings ({run.info.status.lower()})", ""


def _children(client: Any, run: Any) -> list[Any]:
    return list(client.search_runs([run.info.experiment_id], _below(run)))


def _below(run: Any) -> str:
    """Return the filter that finds the runs directly below one."""
    return f"tags.`{PARENT}` = '{run.info.run_id}'"


def _folds_of(run: Any) -> str:
    """Return the filter that finds every fold of a cross-validation."""
    return f"tags.`{ROOT}` = '{run.info.run_id}' and tags.`flexcv.kind` = 'fold'"


def _directions(run: Any) -> dict[str, bool]:
    """Return whether greater is better, where it was told; the first metric first."""
    told = {
        key.removeprefix(DIRECTION): value == GREATER
        for key, value in run.data.params.items()
        if key.startswith(DIRECTION)
    }
    first = key_of(run.data.tags.get(FIRST_METRIC, ""))
    return {name: told[name] for name in sorted(told, key=lambda n: (n != first, n))}


def _score_columns(runs: list[Any], prefix: str) -> list[str]:
    """Name the columns of test scores, and of the deviations if there are any."""
    names = sorted({name for run in runs for name in run.data.metrics})
    means = [name for name in names if name.startswith(f"{prefix}test/")]
    spreads = [name for name in names if name.startswith("std/test/")]
    return [f"metrics.`{name}`" for name in means + spreads]


def _has_curves(run: Any) -> bool:
    return any(name.startswith("convergence/") for name in run.data.metrics)


def _view(
    chosen: str, columns: list[str], directions: Mapping[str, bool]
) -> dict[str, Any]:
    """Describe MLflow's table of chosen runs: scores as columns, best first.

    A metric whose direction nobody told sorts nothing.
    """
    key, ascending = "attributes.run_name", True
    for metric, greater in directions.items():
        fitting = [name for name in columns if name.endswith(f"test/{metric}`")]
        if fitting:  # the mean stands before the deviation
            key, ascending = fitting[0], not greater
            break
    return {
        "searchFilter": chosen,
        "orderByKey": key,  # by date MLflow would fold the runs into their parent
        "orderByAsc": ascending,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": columns,
    }


def _keep_view(client: Any, experiment: Any, key: str, view: dict[str, Any]) -> None:
    client.set_experiment_tag(
        experiment.experiment_id, VIEW_TAG + key, json.dumps(view)
    )


def _to_view(page: str, key: str) -> str:
    return f"{page}&viewStateShareKey={key}"


def _when(run: Any) -> str:
    started = time.localtime(run.info.start_time / 1000)
    return time.strftime("%Y-%m-%d %H:%M", started)


def _free_port(port: int) -> int:
    """Return the port if it is free; 0 asks the system for one."""
    with contextlib.closing(socket.socket()) as probe:
        if os.name != "nt":  # a port that was just left counts as free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise StorageError(
                f"port {port} is taken on {HOST}; choose another one as --port."
            ) from error
        return int(probe.getsockname()[1])


def _start_server(uri: str, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    command += ["--host", HOST, "--port", str(port), "--workers", "1"]
    return subprocess.Popen(
        command,
        env={**os.environ, **ENVIRONMENT},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # a group of its own, so that all of it can be ended
    )


def _end(server: subprocess.Popen[bytes], how: int) -> None:
    if os.name == "nt":
        server.terminate()
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, how)
