"""Pages of runs in folders: the local tracker's, and Neptune's offline ones."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .local import RUN_FILE, RunRecord, read_metrics, read_run
from .offline import read_offline
from .run_page import PageFile, RunContent, run_page
from .targets import LOCAL_FOLDER, TABLES_ABOVE

STATUS = "status"


def local_page(folder: str | os.PathLike[str]) -> str:
    """Return the page of a run that the local tracker keeps, with all runs below it.

    Parameters
    ----------
    folder
        A run folder, its folder `tracking`, or that of a model.

    Raises
    ------
    StorageError
        When there is no run, or it is damaged.
    """
    above, own = Path(folder), Path(folder)
    if (above / LOCAL_FOLDER / RUN_FILE).is_file():
        own = above / LOCAL_FOLDER
    content = RunContent(read_run(own).name)
    _gather(own, "", content)
    if own != above:
        for table in TABLES_ABOVE:
            _gather_file(above, f"{table}.csv", "", content)
    return run_page([content])


def neptune_page(folder: str | os.PathLike[str]) -> str:
    """Return the page of all runs that Neptune's client left in a folder.

    Parameters
    ----------
    folder
        The one that holds `.neptune`, or any below it.

    Raises
    ------
    StorageError
        When there is no such run, or one is damaged.
    """
    return run_page(read_offline(folder))


def _gather(folder: Path, place: str, content: RunContent) -> None:
    """Add what a run and those below it hold, under keys that begin with its place."""
    record = read_run(folder)
    for name, value in _settings(record).items():
        content.settings[place + name] = value
    for row in read_metrics(folder):
        key, step, value = place + row["key"], row["step"], row["value"]
        if value is not None and step is None:
            content.numbers[key] = value
        elif value is not None:
            content.series.setdefault(key, []).append((step, value))
    for name in record.files:
        _gather_file(folder, name, place, content)
    for child in record.children:
        if (folder / child / RUN_FILE).is_file():
            _gather(folder / child, f"{place}{child}/", content)


def _settings(record: RunRecord) -> Mapping[str, Any]:
    times = {"started": record.started, "finished": record.finished}
    return {STATUS: record.status, **times, **record.tags, **record.params}


def _gather_file(folder: Path, name: str, place: str, content: RunContent) -> None:
    path = (folder / name).resolve()
    if path.is_file() and path.is_relative_to(folder.resolve()):
        key = place + name.removesuffix(path.suffix)
        file = PageFile(key, path.suffix.lstrip("."), path.read_bytes())
        content.files[place + name] = file
