"""A run in a folder, written plainly: one JSON file and tables as CSV."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from flexcv.errors import StorageError

from .results import CrossValidationResults

RUN_FILE = "run.json"
TABLES = ("summary", "scores", "predictions", "params", "trials", "traces", "warnings")


def open_folder(path: str | os.PathLike[str]) -> Path:
    """Create a run folder, or take over one that an earlier run wrote.

    Raises
    ------
    StorageError
        When it cannot be made, or holds files but no `run.json`: then it is somebody
        else's and nothing in it is touched.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        is_used = any(folder.iterdir())
    except OSError as error:
        raise StorageError(
            f"the run folder {str(folder)!r} cannot be made: {error.strerror}; "
            "choose another one."
        ) from error
    if is_used and not (folder / RUN_FILE).is_file():
        raise StorageError(
            f"{str(folder)!r} holds files but no {RUN_FILE}, so it is no run folder; "
            "choose an empty or new one."
        )
    return folder


def write_status(folder: Path, status: str, information: Mapping[str, Any]) -> None:
    """Write `run.json`: the status first, then what is known about the run."""
    content = {"status": status, **information}
    _write(folder / RUN_FILE, json.dumps(content, indent=2, default=str) + "\n")


def write_results(
    folder: Path, results: CrossValidationResults, plan: pd.DataFrame
) -> None:
    """Write every table of a run as CSV, the plan's splits among them."""
    _write(folder / "plan.csv", plan.to_csv(index=False))
    for name in TABLES:
        table = getattr(results, name)
        text = table.to_csv(index=name == "summary")
        _write(folder / f"{name}.csv", text)
    if results.diagnostics is not None:
        _write(folder / "diagnostics.csv", results.diagnostics.to_csv(index=False))


def _write(file: Path, text: str) -> None:
    """Write a whole file or nothing: to a temporary one, then by renaming."""
    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=file.parent, delete=False
        ) as temporary:
            temporary.write(text)
        os.replace(temporary.name, file)
    except OSError as error:
        raise StorageError(
            f"{str(file)!r} cannot be written: {error.strerror}; "
            "free some space or choose another run folder."
        ) from error
