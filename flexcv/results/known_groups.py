"""Scores of known and of new groups, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from flexcv._checks import check_choice
from flexcv.metrics import Metric
from flexcv.metrics.choice import LostFunction, guarded
from flexcv.resampling.questions import percent, plan_name, question

from .tables import KNOWN, known_columns

ONE_FACTOR = {"groups": KNOWN}
COUNT = "n_rows"


def scores_by_known_group(
    predictions: pd.DataFrame,
    metrics: Sequence[Metric],
    pooled: bool = False,
    factors: Mapping[str, str] = ONE_FACTOR,
) -> pd.DataFrame:
    """Score test rows whose group was in the training part, and the others.

    Of several grouping factors every combination is scored that there is: a new
    lecturer and a known student, and so on.

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
    factors
        What each factor is called, with the column of predictions that tells whether
        the row's group is known.

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
    columns = list(factors.values())
    if test[columns].isna().all(axis=None):
        raise ValueError(
            "scores by known group need groups, and this run has none; pass `groups` "
            "to set_data."
        )
    usable = [guarded(m) for m in metrics if not isinstance(m.function, LostFunction)]
    address = ["repeat"] if pooled else ["repeat", "fold"]
    rows = []
    for (*known, model), part in test.groupby(
        [*columns, "model"], sort=False, observed=True
    ):
        scores = [
            {m.name: m(fold["y_true"].to_numpy(), fold["y_pred"].to_numpy())}
            for _, fold in part.groupby(address)
            for m in usable
        ]
        means = pd.DataFrame(scores).mean()
        rows.append(
            {
                "Groups": tuple(map(bool, known)),
                "model": model,
                **means,
                COUNT: len(part),
            }
        )
    found = sorted({row["Groups"] for row in rows}, reverse=True)
    labels = {known: _label(list(factors), known) for known in found}
    table = pd.DataFrame(rows)
    table["Groups"] = table["Groups"].map(labels)
    models = list(dict.fromkeys(test["model"]))
    return _laid_out(table, list(labels.values()), models)


def factors_meant(names: Iterable[Any], factor: str | None) -> dict[str, str]:
    """Return the column of predictions that tells of each factor asked for.

    Parameters
    ----------
    names
        The grouping columns of the table.
    factor
        One of them; None means all.

    Examples
    --------
    >>> factors_meant(["school"], None), factors_meant(["school", "class"], "class")
    ({'groups': 'known_group'}, {'class': 'known_class'})
    """
    known = known_columns(names)
    if factor is None:
        return known if len(known) > 1 else ONE_FACTOR
    return {factor: known[check_choice("factor", factor, known)]}


def _label(factors: Sequence[str], known: Sequence[bool]) -> str:
    words = ("known" if is_known else "new" for is_known in known)
    return ", ".join(
        f"{word} {name}" for word, name in zip(words, factors, strict=True)
    )


def _laid_out(
    scores: pd.DataFrame, groups: list[str], models: list[str]
) -> pd.DataFrame:
    """Lay tidy rows out: (Groups, Metric) down, models across."""
    names = [name for name in scores.columns if name not in {"Groups", "model"}]
    index = pd.MultiIndex.from_product([groups, names], names=["Groups", "Metric"])
    table = pd.DataFrame(np.nan, index=index, columns=models)
    for row in scores.to_dict("records"):
        for name in names:
            table.loc[(row["Groups"], name), row["model"]] = row[name]
    return table


def groups_treated(information: Mapping[str, Any]) -> str:
    """Return in words whose groups are known to models, as it was counted.

    Parameters
    ----------
    information
        That of a run.

    Examples
    --------
    >>> groups_treated({"known_groups": {}})
    'The table has no groups: rows are taken as independent.'
    """
    known = information.get("known_groups")
    if known is None:  # written before shares were counted
        return _TREATED.get(str(information.get("question", "")), "")
    if len(known) < 2 and plan_name(known) == question(known):
        return _TREATED[question(known)]
    if len(known) < 2:
        return _partly(*known.values())
    shares = ", ".join(f"{percent(share)} by {name}" for name, share in known.items())
    return (
        f"Test rows whose group has rows in the training part: {shares}. Where it has "
        "none, a model knows nothing of the group."
    )


_TREATED = {
    "new groups": "Every group is whole in the training or in the test part, so scores "
    "tell how well rows of groups never seen before are predicted.",
    "known groups": "Rows of a group lie in the training and in the test part, so "
    "scores tell how well further rows of groups already seen are predicted. For new "
    "groups expect worse.",
    "new rows": "The table has no groups: rows are taken as independent.",
}


def _partly(share: float) -> str:
    return (
        f"Of {percent(share)} of the test rows the group has rows in the training "
        "part, of the others it has none; scores are of both together, and "
        "`by_known_group()` tells them apart."
    )
