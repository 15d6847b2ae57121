"""What in the table may be the reason that a model failed."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from flexcv.dataset import Dataset

SHOWN_NAMES = 5


def add_advice(error: Exception, dataset: Dataset) -> None:
    """Note columns that many models do not take, on an error about values or types."""
    if not isinstance(error, TypeError | ValueError):
        return
    features = dataset.features
    text = [
        name
        for name in features.columns
        if not pd.api.types.is_numeric_dtype(features[name].dtype)
    ]
    if text:
        error.add_note(
            f"not numbers, which many models do not take: {_listed(text)}; encode "
            "them, for example by a OneHotEncoder in a pipeline"
        )
    missing = [name for name in features.columns if features[name].isna().any()]
    if missing:
        error.add_note(
            f"missing values, which many models do not take: {_listed(missing)}; "
            "impute them in a pipeline or drop the rows"
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:SHOWN_NAMES])
    rest = len(names) - SHOWN_NAMES
    return f"{shown} and {rest} more" if rest > 0 else shown
