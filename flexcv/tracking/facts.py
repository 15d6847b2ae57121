"""What is written down about a run besides its results: settings, table, versions."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd

from flexcv._secrets import redact_params
from flexcv.arrays import IntArray
from flexcv.dataset import Dataset
from flexcv.metrics import Metric
from flexcv.model_mapping import ModelSpec

DIRECTION = "direction/"  # and the name of a metric
GREATER, SMALLER = "greater is better", "smaller is better"
DIGEST_LENGTH = 8
LONGEST_TEXT = 250  # characters of a setting
GIT_SECONDS = 2.0
MEMORY_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def run_facts(information: Mapping[str, Any], records: Iterable[Any]) -> dict[str, Any]:
    """Return the run's information and settings as one flat dictionary."""
    facts: dict[str, Any] = {}
    for name, value in information.items():
        if isinstance(value, Mapping):
            facts |= {f"{name}/{key}": readable(part) for key, part in value.items()}
        else:
            facts[name.replace(" ", "_")] = readable(value)
    if "data" in facts:  # a key cannot be a setting and a folder of settings
        facts["data/table"] = facts.pop("data")
    for record in records:
        facts |= _record_facts(record)
    return facts


def dataset_facts(dataset: Dataset) -> dict[str, Any]:
    """Describe the table by its sizes and names; no row of it is told."""
    facts: dict[str, Any] = {
        "data/n_rows": len(dataset),
        "data/n_features": dataset.features.shape[1],
        "data/target": str(dataset.target.name),
    }
    if dataset.task.is_classification:
        facts["data/classes"] = readable(list(dataset.task.classes))
    labels = dataset.splitting_groups
    if labels is not None:
        sizes = labels.value_counts()
        sizes = sizes[sizes > 0]  # unused categories are no groups
        facts |= {
            "data/groups": ", ".join(dataset.group_names),
            "data/n_groups": len(sizes),
            "data/group_size_min": int(sizes.min()),
            "data/group_size_median": float(sizes.median()),
            "data/group_size_max": int(sizes.max()),
        }
    if dataset.slopes:
        facts["data/slopes"] = ", ".join(dataset.slopes)
    if dataset.extra_names:
        facts["data/extra"] = ", ".join(dataset.extra_names)
    return facts


def dataset_rows(dataset: Dataset) -> pd.DataFrame:
    """Return the table itself: the row's number, every column and the target."""
    parts = [dataset.whole_table(), dataset.target]
    rows: pd.DataFrame = pd.concat(parts, axis=1).reset_index(drop=True)
    return rows.rename_axis("row").reset_index(names=_unused("row", rows))


def _unused(name: str, table: pd.DataFrame) -> str:
    while name in table.columns:
        name += "_"
    return name


def directions(metrics: Iterable[Metric]) -> dict[str, str]:
    """Say of each metric whether less or more is better, where that is known.

    Examples
    --------
    >>> directions([Metric("medae", min, greater_is_better=False)])
    {'direction/medae': 'smaller is better'}
    """
    return {
        f"{DIRECTION}{metric.name}": GREATER if metric.greater_is_better else SMALLER
        for metric in metrics
        if metric.greater_is_better is not None
    }


def model_facts(spec: ModelSpec) -> dict[str, Any]:
    """Return a model's class, its parameters and what is searched."""
    facts = {"class": type(spec.estimator).__name__}
    params = redact_params(spec.estimator.get_params(deep=False))
    facts |= {f"param/{name}": readable(value) for name, value in params.items()}
    space = spec.search_space
    if not isinstance(space, Mapping):  # a function of the trial
        return facts | {"search": readable(space)}
    return facts | {f"search/{name}": readable(space[name]) for name in space}


def rows_digest(rows: IntArray) -> str:
    """Return a short text that is equal exactly where the same rows are meant.

    Examples
    --------
    >>> rows_digest(np.array([0, 1])) == rows_digest(np.array([1, 0]))
    True
    """
    content = np.sort(rows).astype("<i8").tobytes()
    return hashlib.sha256(content).hexdigest()[:DIGEST_LENGTH]


def git_commit() -> str:
    """Return the commit of the working directory's repository, or an empty text."""
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip() if answer.returncode == 0 else ""


def readable(value: Any) -> Any:
    """Return a number, flag or None as it is, and anything else as a short line.

    Examples
    --------
    >>> readable(0.5), readable(["a", "b"]), readable(len)
    (0.5, 'a, b', 'len')
    """
    if value is None or isinstance(value, bool | Number):
        return value
    if isinstance(value, list | tuple):
        return _short(", ".join(str(readable(part)) for part in value))
    if isinstance(value, Enum):
        return readable(value.value)
    if isinstance(value, str):
        return _short(value)
    text = getattr(value, "__name__", None) or repr(value)
    return _short(MEMORY_ADDRESS.sub("", text))


def _record_facts(record: Any) -> dict[str, Any]:
    """Flatten a settings record: `TuningSettings(n_trials=5)` is `tuning/n_trials`."""
    if not is_dataclass(record):
        return {}
    title = type(record).__name__.removesuffix("Settings").lower()
    return {
        f"{title}/{part.name}": readable(getattr(record, part.name))
        for part in fields(record)
    }


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_TEXT else line[: LONGEST_TEXT - 3] + "..."
