"""What in the table may be the reason that a model failed."""

from __future__ import annotations

import re

import pandas as pd

from flexcv._checks import listed
from flexcv.dataset import Dataset

# How models say that they cannot take what they were given.
NOT_NUMBERS = re.compile(r"convert|dtype|numeric|categor|strings?\b", re.IGNORECASE)
MISSING = re.compile(r"nan|missing|null|infin|finite", re.IGNORECASE)


def add_advice(error: Exception, dataset: Dataset) -> None:
    """Note columns that many models do not take, on an error about values or types."""
    if not isinstance(error, TypeError | ValueError):
        return
    features = dataset.features
    if dataset.task.is_classification:
        _add_advice_about_classes(error, dataset)
    text = [
        name
        for name in features.columns
        if not pd.api.types.is_numeric_dtype(features[name].dtype)
    ]
    if text and NOT_NUMBERS.search(str(error)):
        error.add_note(
            f"not numbers, which many models do not take: {listed(text)}; encode "
            "them, for example by a OneHotEncoder in a pipeline"
        )
    missing = [name for name in features.columns if features[name].isna().any()]
    about_values = NOT_NUMBERS.search(str(error)) or MISSING.search(str(error))
    if missing and about_values:
        error.add_note(
            f"missing values, which many models do not take: {listed(missing)}; "
            "impute them in a pipeline or drop the rows"
        )


def _add_advice_about_classes(error: Exception, dataset: Dataset) -> None:
    text = str(error)
    if re.search(r"(one|1|2) class|Invalid classes", text):
        error.add_note(
            "a part of a fold may lack a class; `cv.check()` says which, and a "
            "stratified split avoids it"
        )
    if "Invalid classes" in text and isinstance(dataset.task.classes[0], str):
        error.add_note(
            "the target holds texts, and this model wants whole numbers from 0; encode "
            "it, for example with pd.factorize"
        )
