"""Learning curves that estimators of other libraries keep, read by attribute.

scikit-learn, XGBoost and LightGBM each keep the loss of every boosting round or epoch,
under names of their own. The names are the contract: whoever keeps a curve under one of
them is read, whatever its class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

# fitted attributes that hold one number per round or epoch
CURVES = (
    "train_score_",  # scikit-learn's gradient boosting, both kinds
    "validation_score_",  # its histogram kind, with early stopping
    "oob_scores_",  # its other kind, with subsample below one
    "loss_curve_",  # scikit-learn's neural networks
    "validation_scores_",  # the same, with early stopping
)
# fitted attributes or methods: {evaluation set: {metric: numbers}}
EVALUATIONS = (
    "evals_result_",  # LightGBM, CatBoost
    "evals_result",  # XGBoost
)


def curves_of(estimator: Any) -> pd.DataFrame | None:
    """Return the curves a fitted estimator kept: a row per round, a column per curve.

    Rounds count from 1; a curve with one more entry than rounds, as its value before
    the first, counts from 0.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> curves_of(SimpleNamespace(loss_curve_=[3.0, 2.0]))
       iteration  loss_curve
    0          1         3.0
    1          2         2.0
    """
    curves = dict(_curves(estimator))
    if not curves:
        return None
    rounds = _rounds(estimator)
    columns = [
        pd.Series(curve, index=_numbers(len(curve), rounds), name=name)
        for name, curve in curves.items()
    ]
    table: pd.DataFrame = pd.concat(columns, axis=1).sort_index()
    return table.rename_axis("iteration").reset_index()


def _curves(estimator: Any) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    for name in CURVES:
        if (curve := _as_curve(getattr(estimator, name, None))) is not None:
            yield name.rstrip("_"), curve
    for name in EVALUATIONS:
        found = _evaluations(estimator, name)
        for part, metrics in found.items():
            for metric, values in metrics.items():
                if (curve := _as_curve(values)) is not None:
                    yield f"{part}/{metric}", curve


def _as_curve(values: Any) -> np.ndarray[Any, Any] | None:
    """Return numbers in a row, or None for anything else; no rounds are no curve."""
    if not isinstance(values, list | tuple | np.ndarray) or not len(values):
        return None
    curve = np.asarray(values)
    is_curve = curve.ndim == 1 and curve.dtype.kind in "fiu"
    return curve.astype(float) if is_curve else None


def _evaluations(estimator: Any, name: str) -> Mapping[str, Mapping[str, Any]]:
    """Read the evaluation sets; without any XGBoost raises a ValueError."""
    try:
        found = getattr(estimator, name, None)
        found = found() if callable(found) else found
    except ValueError:
        return {}
    if not isinstance(found, Mapping):
        return {}
    return {part: each for part, each in found.items() if isinstance(each, Mapping)}


def _rounds(estimator: Any) -> int | None:
    """Return how many rounds the estimator says that it took."""
    rounds = getattr(estimator, "n_iter_", None)
    return int(rounds) if isinstance(rounds, int | np.integer) else None


def _numbers(length: int, rounds: int | None) -> range:
    first = 0 if rounds is not None and length == rounds + 1 else 1
    return range(first, first + length)
