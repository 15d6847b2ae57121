"""What in the table may be the reason that a model failed."""

from __future__ import annotations

import pandas as pd

from flexcv._checks import listed
from flexcv.dataset import Dataset


def add_advice(error: Exception, dataset: Dataset) -> None:
    """Note columns that many models do not take, on an error about values or types."""
    if not isinstance(error, TypeError | ValueError):
        return
    features = dataset.features
    if "class" in str(error) and dataset.task.is_classification:
        error.add_note(
            "a part of a fold may lack a class; `cv.check()` says which, and a "
            "stratified split avoids it"
        )
    text = [
        name
        for name in features.columns
        if not pd.api.types.is_numeric_dtype(features[name].dtype)
    ]
    if text:
        error.add_note(
            f"not numbers, which many models do not take: {listed(text)}; encode "
            "them, for example by a OneHotEncoder in a pipeline"
        )
    missing = [name for name in features.columns if features[name].isna().any()]
    if missing:
        error.add_note(
            f"missing values, which many models do not take: {listed(missing)}; "
            "impute them in a pipeline or drop the rows"
        )
