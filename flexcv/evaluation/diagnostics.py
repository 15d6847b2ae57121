"""How alike the parts of each fold are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from flexcv.dataset import Dataset
from flexcv.resampling import Plan


def fold_diagnostics(plan: Plan, dataset: Dataset) -> pd.DataFrame:
    """Describe target and groups in both parts of every fold.

    Returns
    -------
    A row per fold and part: repeat, fold, part, n_rows, n_groups, n_new_groups (not
    in training), target_mean, target_sd, target_min, target_max.
    """
    target = dataset.target.to_numpy(dtype=float)
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
            values = target[positions]
            row["target_mean"] = values.mean()
            row["target_sd"] = values.std(ddof=1) if len(values) > 1 else np.nan
            row["target_min"], row["target_max"] = values.min(), values.max()
            rows.append(row)
    return pd.DataFrame(rows)
