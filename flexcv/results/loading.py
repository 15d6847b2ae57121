"""Results from a folder, exactly as they were written, or a reason why not."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flexcv.dataset import Dataset, Task
from flexcv.errors import StorageError
from flexcv.metrics import KNOWN_METRICS, Metric, resolve_metrics
from flexcv.records import Finding, FoldResult, Predictions

from .cells import decode_value
from .frames import BLOCK, block_checks, damaged, decode_frame
from .metric_choice import LostFunction
from .storage import CHECKS_ENTRY, FORMAT, RESULTS_FILE, RUN_FILE
from .tables import ADDRESS

STORED = ("scores", "trials", "traces")


def load_parts(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what `CrossValidationResults` is made of.

    Parameters
    ----------
    path
        A folder that a run or `save` wrote.

    Raises
    ------
    StorageError
        When it is no such folder, of another format, or damaged.
    """
    folder = Path(path)
    content = _description(folder)
    try:
        tables = {
            name: decode_frame(about, folder / name)
            for name, about in content["tables"].items()
        }
        return _parts(content, tables)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, StorageError):
            raise
        raise damaged(folder / RESULTS_FILE, 1, f"it does not fit ({error})") from error


def _description(folder: Path) -> dict[str, Any]:
    """Read and check `results.json`."""
    file = folder / RESULTS_FILE
    if not file.is_file():
        raise StorageError(_no_description(folder))
    try:
        text = file.read_bytes().decode("utf-8")
        content: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError as error:
        raise damaged(file, error.lineno, error.msg) from error
    except (OSError, UnicodeDecodeError) as error:
        raise damaged(file, 1, str(error)) from error
    _check_lines(text, content, file)
    if content.get("format") != FORMAT:
        raise StorageError(
            f"{str(folder)!r} was written by flexcv {content.get('flexcv')} in format "
            f"{content.get('format')!r}, and this version reads format {FORMAT}; load "
            "it with that version, or perform the run again."
        )
    return content


def _no_description(folder: Path) -> str:
    if not folder.is_dir():
        return f"{str(folder)!r} is no folder; pass one that a run or `save` wrote."
    if (folder / RUN_FILE).is_file():
        return (
            f"{str(folder)!r} holds {RUN_FILE} but no {RESULTS_FILE}: the run was "
            "stopped before its results were written, or an older flexcv wrote it, "
            "which kept tables only; perform the run again."
        )
    return (
        f"{str(folder)!r} holds no {RESULTS_FILE}, so it is no run folder; pass one "
        "that a run or `save` wrote."
    )


def _check_lines(text: str, content: Mapping[str, Any], file: Path) -> None:
    lines = text.splitlines(keepends=True)
    body = [line for line in lines[:-1] if not line.startswith(CHECKS_ENTRY)]
    found = list(block_checks(body))
    expected = content.get("checks", [])
    if len(found) != len(expected):
        raise damaged(file, len(lines), "lines were added or are missing")
    for number, (one, other) in enumerate(zip(expected, found, strict=True)):
        if one != other:
            first, last = number * BLOCK + 1, min((number + 1) * BLOCK, len(body))
            where = f"{first} to {last}"
            raise damaged(file, where, "something changed since it was written")


def _parts(
    content: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]
) -> dict[str, Any]:
    stored = {name: tables[f"{name}.csv"] for name in STORED}
    findings = _findings(content, tables)
    task = Task(tuple(decode_value(label) for label in content.get("classes", ())))
    by_part = _predictions(tables["predictions.csv"], task)
    of_fold = {name: _by_fold(stored[name]) for name in STORED}
    folds = [_fold(entry, by_part, of_fold, findings) for entry in content["folds"]]
    return {
        "folds": folds,
        "dataset": _dataset(tables["rows.csv"], task),
        "metrics": [_metric(*entry) for entry in content["metrics"]],
        "information": content["information"],
        "is_partial": content["is_partial"],
        "diagnostics": tables.get("diagnostics.csv"),
        "stored": stored,
        "facts": content["facts"],
    }


def _dataset(rows: pd.DataFrame, task: Task) -> Dataset:
    """Give a dataset that has target and groups, and no features."""
    groups = rows.iloc[:, 1:]
    return Dataset(
        pd.DataFrame(index=rows.index),
        rows.iloc[:, 0],
        groups if groups.shape[1] else None,
        task=task,
    )


def _metric(
    name: str,
    greater_is_better: bool | None,
    is_known: bool,
    response: str = "predict",
) -> Metric:
    """Find a metric by its name; the function of a user's own is lost."""
    if not is_known:
        return Metric(name, LostFunction(name), greater_is_better, response)
    known = KNOWN_METRICS.get(name)
    if known is None or known.response != response:
        [known] = resolve_metrics([name])
    return replace(known, greater_is_better=greater_is_better)


def _by_fold(table: pd.DataFrame) -> dict[Any, pd.DataFrame]:
    inside = table.columns.difference(ADDRESS, sort=False)
    return {
        key: rows[inside].reset_index(drop=True)
        for key, rows in table.groupby(ADDRESS, sort=False, observed=True)
    }


def _predictions(table: pd.DataFrame, task: Task) -> dict[Any, Predictions]:
    return {
        key: _part_of(rows, task)
        for key, rows in table.groupby([*ADDRESS, "part"], sort=False, observed=True)
    }


def _part_of(rows: pd.DataFrame, task: Task) -> Predictions:
    positions = rows["row"].to_numpy(np.intp)
    if not task.is_classification:
        return Predictions(positions, rows["y_pred"].to_numpy(np.float64))
    codes = rows["y_pred"].cat.codes.to_numpy(np.int16)
    probabilities = rows[list(task.columns)].to_numpy(np.float64)
    is_missing = np.isnan(probabilities).any()
    return Predictions(positions, codes, None if is_missing else probabilities)


def _findings(
    content: Mapping[str, Any], tables: Mapping[str, pd.DataFrame]
) -> dict[Any, list[Finding]]:
    found: dict[Any, list[Finding]] = {}
    for entry in content["findings"]:
        finding = Finding(
            entry["name"], tables[entry["file"]], drawing_of(entry["draw"])
        )
        found.setdefault(tuple(entry["key"]), []).append(finding)
    return found


def drawing_of(name: str | None) -> Any:
    """Find one of flexcv's own drawings; None when it is no longer there."""
    if name is None or not name.startswith("flexcv."):
        return None
    module, _, function = name.partition(":")
    try:
        return getattr(importlib.import_module(module), function, None)
    except ImportError:
        return None


def _fold(
    entry: Mapping[str, Any],
    by_part: Mapping[Any, Predictions],
    of_fold: Mapping[str, Mapping[Any, pd.DataFrame]],
    findings: Mapping[Any, list[Finding]],
) -> FoldResult:
    key = tuple(entry["key"])
    model, repeat, number = key
    own = {name: of_fold[name].get(key) for name in entry["tables"]}
    nothing = Predictions(np.empty(0, dtype=np.intp), np.empty(0))
    parts = {part: by_part.get((*key, part), nothing) for part in entry["parts"]}
    return FoldResult(
        model,
        repeat,
        number,
        train=parts.get("train"),
        test=parts.get("test"),
        params=decode_value(entry["params"]),
        trials=own.get("trials"),
        traces=own.get("traces"),
        findings=tuple(findings.get(key, ())),
        warnings=tuple((category, message) for category, message in entry["warnings"]),
        seconds=entry["seconds"],
        error=entry["error"],
    )
