"""Scores and predictions of several models, brought side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from flexcv._checks import near_miss
from flexcv.records import ADDRESS

Score = Callable[[Any, Any], float]


def fold_scores(
    scores: pd.DataFrame,
    predictions: pd.DataFrame | None,
    metric: str,
    function: Score | None,
) -> pd.DataFrame:
    """Test scores of one metric: model, repeat, fold, value; one row per fold."""
    test = scores[scores["part"].eq("test")]
    known = test[test["metric"].eq(metric)]
    if not known.empty:
        return known[[*ADDRESS, "value"]]
    if predictions is None or function is None:
        names = sorted(set(test["metric"]))
        raise ValueError(
            f"`metric` must be one of {', '.join(map(repr, names))}, got {metric!r}"
            f"{near_miss(metric, names)}; pass `function` and `predictions` to compute "
            "another one."
        )
    rows = predictions[predictions["part"].eq("test")]
    computed = [
        {**dict(zip(ADDRESS, key, strict=True)), "value": _score(function, fold)}
        for key, fold in rows.groupby(ADDRESS, sort=False, observed=True)
    ]
    done = pd.DataFrame(computed, columns=[*ADDRESS, "value"])
    return test[ADDRESS].drop_duplicates().merge(done, how="left", on=ADDRESS)


def _score(function: Score, fold: pd.DataFrame) -> float:
    return float(function(fold["y_true"].to_numpy(), fold["y_pred"].to_numpy()))


def by_model(folds: pd.DataFrame) -> pd.DataFrame:
    """Lay fold scores out: (repeat, fold) down, models across in their order."""
    wide = folds.astype({"model": object}).pivot(  # noqa: PD010
        index=["repeat", "fold"], columns="model", values="value"
    )
    return wide[list(dict.fromkeys(folds["model"]))]


def check_same_folds(folds: pd.DataFrame) -> None:
    """Refuse models with different folds; a failed fold is there, as NaN."""
    addresses = {
        model: set(zip(part["repeat"], part["fold"], strict=True))
        for model, part in folds.groupby("model", sort=False, observed=True)
    }
    (first, expected), *others = addresses.items()
    for model, found in others:
        if found != expected:
            raise ValueError(
                f"models must be scored on the same folds, but {first!r} has "
                f"{len(expected)} and {model!r} has {len(found)}, "
                f"{len(expected & found)} of them shared; run both in one plan."
            )


def check_same_rows(a: Any, b: Any, rows_a: pd.DataFrame, rows_b: pd.DataFrame) -> None:
    """Refuse models whose folds have other test rows or other true values.

    Parameters
    ----------
    a, b
        Names of the models.
    rows_a, rows_b
        Repeat, fold, row and truth of their test rows, sorted.
    """
    if not rows_a.equals(rows_b):
        raise ValueError(
            f"models must be scored on the same test rows, but those of {a!r} and "
            f"{b!r} differ; run both in one plan."
        )


def held_out_ratio(predictions: pd.DataFrame | None, wide: pd.DataFrame) -> float:
    """Test rows over training rows, averaged over folds.

    Without predictions of the training part, that of a k-fold split: 1 / (k - 1).
    """
    if predictions is not None and predictions["part"].eq("train").any():
        counts = predictions.groupby([*ADDRESS, "part"], observed=True).size()
        ratio = counts.xs("test", level="part") / counts.xs("train", level="part")
        return float(ratio.mean())
    n_folds = wide.groupby(level="repeat").size().mean()
    return float(1.0 / max(n_folds - 1.0, 1.0))
