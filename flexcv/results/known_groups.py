"""Scores of known and of new groups, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from flexcv.metrics import Metric
from flexcv.metrics.choice import LostFunction, guarded

QUESTIONS = {True: "known groups", False: "new groups"}
COUNT = "n_rows"


def scores_by_known_group(
    predictions: pd.DataFrame, metrics: Sequence[Metric], pooled: bool = False
) -> pd.DataFrame:
    """Score test rows whose group was in the training part, and the others.

    Parameters
    ----------
    predictions
        Tidy predictions: model, repeat, fold, known_group, y_true, y_pred, part.
    metrics
        What to score; one whose function was not stored is left out.
    pooled
        Score all folds of a repeat together. Otherwise folds are scored one by one
        and averaged, each weighing the same, as in the summary; a fold without such
        rows, or with a single one for r2, is left out.

    Returns
    -------
    DataFrame, index (Groups, Metric), a column per model.

    Examples
    --------
    >>> rows = pd.DataFrame(
    ...     {
    ...         "model": "Mean",
    ...         "repeat": 0,
    ...         "fold": [0, 0, 1, 1],
    ...         "known_group": [True, False, True, True],
    ...         "y_true": [1.0, 2.0, 3.0, 4.0],
    ...         "y_pred": [2.0, 5.0, 3.0, 3.0],
    ...         "part": "test",
    ...     }
    ... )
    >>> mae = Metric("mae", lambda y, p: float(np.abs(y - p).mean()), False)
    >>> scores_by_known_group(rows, [mae])
                         Mean
    Groups       Metric
    known groups mae     0.75
                 n_rows  3.00
    new groups   mae     3.00
                 n_rows  1.00
    """
    test = predictions[predictions["part"].eq("test")]
    if test["known_group"].isna().all():
        raise ValueError(
            "scores by known group need groups, and this run has none; pass `groups` "
            "to set_data."
        )
    usable = [guarded(m) for m in metrics if not isinstance(m.function, LostFunction)]
    address = ["repeat"] if pooled else ["repeat", "fold"]
    rows = []
    for (known, model), part in test.groupby(
        ["known_group", "model"], sort=False, observed=True
    ):
        scores = [
            {m.name: m(fold["y_true"].to_numpy(), fold["y_pred"].to_numpy())}
            for _, fold in part.groupby(address)
            for m in usable
        ]
        means = pd.DataFrame(scores).mean()
        rows.append(
            {
                "Groups": QUESTIONS[bool(known)],
                "model": model,
                **means,
                COUNT: len(part),
            }
        )
    return _laid_out(pd.DataFrame(rows), list(dict.fromkeys(test["model"])))


def _laid_out(scores: pd.DataFrame, models: list[str]) -> pd.DataFrame:
    """Lay tidy rows out: (Groups, Metric) down, models across."""
    names = [name for name in scores.columns if name not in {"Groups", "model"}]
    groups = [q for q in QUESTIONS.values() if q in set(scores["Groups"])]
    index = pd.MultiIndex.from_product([groups, names], names=["Groups", "Metric"])
    table = pd.DataFrame(np.nan, index=index, columns=models)
    for row in scores.to_dict("records"):
        for name in names:
            table.loc[(row["Groups"], name), row["model"]] = row[name]
    return table
