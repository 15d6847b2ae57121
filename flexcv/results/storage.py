"""A run in a folder, written plainly: tables as CSV, described by JSON.

::

    run.json       settings, seed, versions, and how the run ended
    results.json   what the columns of each table are, and checksums of their lines
    *.csv          scores, predictions and the other tables; rows.csv is the target
    findings/      what post-processors saw, a table each
    estimators/    fitted models as pickles, only when asked for
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from flexcv.errors import StorageError
from flexcv.metrics import KNOWN_METRICS, Metric, is_scorer
from flexcv.records import FoldResult

from .cells import encode_value
from .estimators import ESTIMATORS, write_estimators
from .frames import block_checks, encode_frame
from .results import CrossValidationResults

RUN_FILE = "run.json"
RESULTS_FILE = "results.json"
FORMAT = 1  # of results.json; another one is refused
FINDINGS = "findings"
PARTS = ("test", "train")
FOLD_TABLES = ("trials", "traces")
CHECKS_ENTRY = ' "checks":'
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
        # A run that was killed at its very start leaves hidden files alone.
        is_used = any(not entry.name.startswith(".") for entry in folder.iterdir())
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
    write_text(folder / RUN_FILE, json.dumps(content, indent=2, default=str) + "\n")


def write_results(
    folder: Path,
    results: CrossValidationResults,
    plan: pd.DataFrame | None = None,
    *,
    estimators: bool = False,
) -> None:
    """Write every table of a run as CSV, and `results.json`, which describes them.

    Parameters
    ----------
    folder
        The run folder.
    results
        What to write.
    plan
        The plan's splits.
    estimators
        Whether to write the fitted models, as pickles.
    """
    _forget(folder)
    tables = {name: getattr(results, name) for name in TABLES}
    if plan is not None:
        tables["plan"] = plan
    if results.diagnostics is not None:
        tables["diagnostics"] = results.diagnostics
    tables["rows"] = results.rows
    written = {
        f"{name}.csv": _write_table(folder, f"{name}.csv", table)
        for name, table in tables.items()
    }
    findings = list(_write_findings(folder, results, written))
    content = {
        "format": FORMAT,
        "flexcv": version("flexcv"),
        "is_partial": results.is_partial,
        "information": results.information,
        "facts": results.facts,
        "classes": [encode_value(label) for label in results.task.classes],
        "metrics": [metric_entry(m) for m in results.metrics],
        "folds": [_fold_entry(fold) for fold in results.folds],
        "findings": findings,
        "estimators": write_estimators(folder, results.folds) if estimators else [],
        "tables": written,
    }
    write_text(folder / RESULTS_FILE, checked_json(content))


def save_results(
    folder: str | os.PathLike[str],
    results: CrossValidationResults,
    *,
    estimators: bool = False,
) -> None:
    """Write results into a folder of their own.

    Parameters
    ----------
    folder
        A new or empty folder, or one that a run or an earlier call wrote.
    results
        What to write.
    estimators
        Whether to write the fitted models, as pickles.
    """
    if estimators and all(fold.estimator is None for fold in results.folds):
        raise ValueError(
            "estimators=True needs fitted models and these results hold none; leave it "
            "out, or keep the models when performing."
        )
    opened = open_folder(folder)
    if not (opened / RUN_FILE).is_file():
        status = "failed" if results.is_partial else "finished"
        write_status(opened, status, results.information)
    write_results(opened, results, estimators=estimators)


def checked_json(content: Mapping[str, Any]) -> str:
    """Give JSON with a last entry that holds a checksum for every few lines."""
    lines = json.dumps(content, indent=1, default=str).split("\n")[:-1]
    lines[-1] += ","
    checks = list(block_checks([f"{line}\n" for line in lines]))
    return "\n".join([*lines, f"{CHECKS_ENTRY} {json.dumps(checks)}", "}", ""])


def _forget(folder: Path) -> None:
    """Remove what an earlier run wrote, the description first: half is damaged."""
    try:
        (folder / RESULTS_FILE).unlink(missing_ok=True)
        for name in (FINDINGS, ESTIMATORS):
            if (folder / name).is_dir():
                shutil.rmtree(folder / name)
    except OSError as error:
        raise StorageError(
            f"{str(folder)!r} cannot be written: {error.strerror}; "
            "choose another run folder."
        ) from error


def _write_table(folder: Path, name: str, table: pd.DataFrame) -> dict[str, Any]:
    about, text = encode_frame(table)
    write_text(folder / name, text)
    return about


def _write_findings(
    folder: Path, results: CrossValidationResults, written: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    found = [(fold, finding) for fold in results.folds for finding in fold.findings]
    if found:
        (folder / FINDINGS).mkdir()
    for number, (fold, finding) in enumerate(found):
        readable = re.sub(r"[^A-Za-z0-9]+", "-", finding.name).strip("-")[:40]
        name = f"{FINDINGS}/{number:04d}-{readable}.csv"
        written[name] = _write_table(folder, name, finding.frame)
        yield {
            "key": list(fold.key),
            "name": finding.name,
            "file": name,
            "draw": name_of_drawing(finding.draw),
        }


def name_of_drawing(draw: Any) -> str | None:
    """Name one of flexcv's own drawings, so that it can be found again."""
    module, name = getattr(draw, "__module__", ""), getattr(draw, "__qualname__", "")
    is_own = str(module).startswith("flexcv.") and name.isidentifier()
    return f"{module}:{name}" if is_own else None


def metric_entry(metric: Metric) -> list[Any]:
    """Give name, direction, whether the name alone tells the function, and response."""
    by_name = KNOWN_METRICS.get(metric.name)
    is_known = by_name is not None and by_name.function is metric.function
    is_known = is_known or is_scorer(metric)
    return [metric.name, metric.greater_is_better, is_known, metric.response]


def _fold_entry(fold: FoldResult) -> dict[str, Any]:
    return {
        "key": list(fold.key),
        "params": encode_value(dict(fold.params)),
        "warnings": [list(pair) for pair in fold.warnings],
        "seconds": dict(fold.seconds),
        "error": fold.error,
        "parts": [part for part in PARTS if getattr(fold, part) is not None],
        "tables": [name for name in FOLD_TABLES if getattr(fold, name) is not None],
    }


def write_text(file: Path, text: str) -> None:
    """Write a whole file or nothing: to a temporary one, then by renaming."""
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            encoding="utf-8",
            newline="",
            dir=file.parent,
            prefix=f".{file.name}-",
            delete=False,
        ) as temporary:
            temporary.write(text)
        os.replace(temporary.name, file)
    except OSError as error:
        raise StorageError(
            f"{str(file)!r} cannot be written: {error.strerror}; "
            "free some space or choose another run folder."
        ) from error
