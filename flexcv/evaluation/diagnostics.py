"""How alike the parts of each fold are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from flexcv.arrays import FloatArray
from flexcv.dataset import Dataset, Task
from flexcv.resampling import Plan


def fold_diagnostics(plan: Plan, dataset: Dataset) -> pd.DataFrame:
    """Describe target and groups in both parts of every fold.

    Returns
    -------
    A row per fold and part: repeat, fold, part, n_rows, n_groups, n_new_groups (not
    in training), target_mean, target_sd, target_min, target_max; of classes the
    share of each, ``share_<class>``.
    """
    target = dataset.numbers
    codes = dataset.group_codes()
    rows = []
    for fold in plan:
        known = None if codes is None else np.unique(codes[fold.train])
        for part, positions in (("train", fold.train), ("test", fold.test)):
            row: dict[str, Any] = {
                "repeat": fold.repeat,
                "fold": fold.index,
                "part": part,
                "n_rows": len(positions),
            }
            if codes is not None and known is not None:
                here = np.unique(codes[positions])
                row["n_groups"] = len(here)
                row["n_new_groups"] = int((~np.isin(here, known)).sum())
            rows.append(row | _target_described(target[positions], dataset.task))
    return pd.DataFrame(rows)


def _target_described(values: FloatArray, task: Task) -> dict[str, Any]:
    """Return mean, spread and range of numbers, or the share of each class."""
    if task.is_classification:
        shares = np.bincount(values.astype(int), minlength=len(task.classes))
        named = zip(task.classes, shares / len(values), strict=True)
        return {f"share_{label}": float(share) for label, share in named}
    return {
        "target_mean": values.mean(),
        "target_sd": values.std(ddof=1) if len(values) > 1 else np.nan,
        "target_min": values.min(),
        "target_max": values.max(),
    }
