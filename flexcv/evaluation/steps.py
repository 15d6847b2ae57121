"""What stands inside a fitted pipeline: its steps, and what the last of them reads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def flat_steps(estimator: Any) -> list[Any]:
    """Return the steps of a pipeline, with those of pipelines inside it.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> flat_steps(make_pipeline("passthrough", make_pipeline(Ridge())))
    [Ridge()]
    """
    steps = getattr(estimator, "steps", None)
    if steps is None:
        return [estimator]
    found = [part for _, step in steps for part in flat_steps(step)]
    return [part for part in found if part is not None and part != "passthrough"]


def inner_table(estimator: Any, X: pd.DataFrame) -> pd.DataFrame:
    """Return a table as the last step of a fitted pipeline reads it, with its names.

    Parameters
    ----------
    estimator
        A fitted pipeline, or an estimator alone.
    X
        A table of the columns that it was fitted to.
    """
    inside: Any = X
    names: list[Any] = list(X.columns)
    for step in flat_steps(estimator)[:-1]:
        inside = step.transform(inside)
        if isinstance(inside, pd.DataFrame):
            names = list(inside.columns)
        elif inside.shape[1] != len(names):
            names = [str(name) for name in step.get_feature_names_out()]
    dense = inside.toarray() if hasattr(inside, "toarray") else inside
    if isinstance(dense, pd.DataFrame):
        return dense
    return pd.DataFrame(np.asarray(dense), columns=names, index=X.index)
