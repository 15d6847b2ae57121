"""Tidy tables from fold results: pure functions, one table each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from flexcv.arrays import FloatArray, IntArray
from flexcv.dataset import REGRESSION, Task
from flexcv.records import ADDRESS, FoldResult, Predictions, address
from flexcv.resampling.questions import are_known

AVERAGES = ("mean", "median", "std")
DECISION = "decision"  # what ranks the rows of a model without probabilities
WEIGHT = "weight"  # of a row in scores
COUNT = "n_folds"  # of each average, where some fold has no score
KNOWN = "known_group"  # the column that tells it of the first grouping column
PREDICTION_COLUMNS = [
    *ADDRESS,
    "row",
    "group",
    KNOWN,
    "y_true",
    "y_pred",
    "part",
]


def scores_table(folds: Iterable[FoldResult]) -> pd.DataFrame:
    """Stack the scores of all folds: a row per model, fold, part and metric."""
    rows = [
        (*fold.key, score.part, score.metric, score.value, score.n_rows)
        for fold in folds
        for score in fold.scores
    ]
    return pd.DataFrame(rows, columns=[*ADDRESS, "part", "metric", "value", "n_rows"])


def summary_table(scores: pd.DataFrame) -> pd.DataFrame:
    """Lay scores out as people read them: folds and averages down, models across.

    Where a score has no value on a fold, `n_folds` counts the folds of each average.
    A model that failed on a fold has no averages.
    """
    models = scores["model"].unique()
    metric = scores["metric"].where(
        scores["part"].eq("test"), scores["metric"] + "_train"
    )
    fold = _fold_labels(scores)
    index = ["Fold", "Metric", "model"]
    values = scores.assign(Metric=metric, Fold=fold).set_index(index)["value"]
    names, labels = list(metric.unique()), list(fold.unique())
    rows = pd.MultiIndex.from_product([labels, names], names=index[:2])
    wide = values.unstack().reindex(index=rows, columns=models)  # noqa: PD010
    by_metric = wide.groupby(level="Metric", sort=False)
    # An average over the folds a model survived would stand beside full ones.
    failed = list(scores.loc[scores["n_rows"] == 0, "model"].unique())
    averages = [
        pd.concat([_averaged(by_metric, kind, failed, names)], keys=[kind])
        for kind in AVERAGES
    ]
    counts = _averaged(by_metric, "count", (), names)
    if (counts < len(labels)).any(axis=None):
        averages.append(pd.concat([counts], keys=[COUNT]))
    table: pd.DataFrame = pd.concat([wide, *averages]).rename_axis(index=index[:2])
    table.columns.name = None
    return table


def _averaged(
    by_metric: Any, kind: str, failed: Sequence[str], names: Sequence[str]
) -> pd.DataFrame:
    table: pd.DataFrame = by_metric.agg(kind).reindex(names)
    if failed:
        table[list(failed)] = np.nan
    return table


def _fold_labels(scores: pd.DataFrame) -> pd.Series[Any]:
    """Label folds by number; with repeats by text: ``"0.3"`` is repeat 0, fold 3."""
    if (scores["repeat"] == scores["repeat"].min()).all():
        return scores["fold"].astype(object)
    return scores["repeat"].astype(str) + "." + scores["fold"].astype(str)


def predictions_table(
    folds: Iterable[FoldResult],
    target: pd.Series[Any],
    groups: pd.DataFrame | None,
    task: Task = REGRESSION,
    weights: FloatArray | None = None,
) -> pd.DataFrame:
    """Stack all predictions: a row per model, fold and predicted row.

    Of several grouping columns the first is shown, and `known_columns` names the
    columns that say of each whether the row's group is known. Of classes there is a
    column of probabilities for each, before the part, then one of decision functions,
    where a model of two classes gives no probabilities, and one of weights, where
    scores have weights.
    """
    parts = [
        (fold, part, predictions)
        for fold in folds
        for part, predictions in (("test", fold.test), ("train", fold.train))
        if predictions is not None
    ]
    weighted = {} if weights is None else {WEIGHT: weights}
    decided = _decisions(parts)
    known = known_columns(() if groups is None else groups.columns)
    more = [name for name in known.values() if name not in PREDICTION_COLUMNS]
    scored = [*task.columns, *decided, *weighted]
    columns = [*PREDICTION_COLUMNS[:-1], *scored, PREDICTION_COLUMNS[-1]]
    after = columns.index(KNOWN) + 1
    columns[after:after] = more
    if not parts:
        return _no_predictions(columns, target, task)
    rows = np.concatenate([predictions.rows for *_, predictions in parts])
    sizes = [len(predictions.rows) for *_, predictions in parts]
    models = list(dict.fromkeys(fold.model for fold, *_ in parts))
    y_true: Any = target.array if task.is_classification else target.to_numpy()
    table = {
        "model": _repeated(models, [fold.model for fold, *_ in parts], sizes),
        "repeat": np.repeat([fold.repeat for fold, *_ in parts], sizes),
        "fold": np.repeat([fold.fold for fold, *_ in parts], sizes),
        "row": rows,
        "group": _labels(groups, rows),
        **_known(parts, groups, known),
        "y_true": y_true[rows],
        "y_pred": _predicted(parts, target, task),
        **_probabilities(parts, sizes, task),
        **decided,
        **{name: values[rows] for name, values in weighted.items()},
        "part": _repeated(["train", "test"], [part for _, part, _ in parts], sizes),
    }
    return pd.DataFrame({name: table[name] for name in columns})


def _no_predictions(
    columns: list[str], target: pd.Series[Any], task: Task
) -> pd.DataFrame:
    """Return a table without rows whose columns are of the kind they always are."""
    table = pd.DataFrame(columns=columns)
    if not task.is_classification:
        return table
    return table.astype(dict.fromkeys(["y_true", "y_pred"], target.array.dtype))


def require_predictions(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return predictions, or refuse to answer where every fold failed."""
    if predictions.empty:
        raise ValueError(
            "every model failed on every fold, so there are no predictions; "
            "`results.warnings` says why."
        )
    return predictions


Part: TypeAlias = tuple[FoldResult, str, Predictions]


def _repeated(names: list[str], values: list[str], sizes: list[int]) -> Any:
    codes = np.repeat([names.index(value) for value in values], sizes)
    return pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(names))


def _labels(groups: pd.DataFrame | None, rows: IntArray) -> Any:
    if groups is None:
        return pd.array([pd.NA] * len(rows), dtype="object")
    return groups.iloc[:, 0].iloc[rows].array


def _predicted(parts: list[Part], target: pd.Series[Any], task: Task) -> Any:
    values = np.concatenate([predictions.predicted for *_, predictions in parts])
    if not task.is_classification:
        return values
    return pd.Categorical.from_codes(values, dtype=target.array.dtype)


def _probabilities(
    parts: list[Part], sizes: list[int], task: Task
) -> dict[str, npt.NDArray[Any]]:
    """Return a column per class; empty where a model gives no probabilities."""
    if not task.is_classification:
        return {}
    tables = [
        np.full((size, len(task.classes)), np.nan) if given is None else given
        for size, given in zip(sizes, (p.probabilities for *_, p in parts), strict=True)
    ]
    return dict(zip(task.columns, np.concatenate(tables).T, strict=True))


def known_columns(factors: Iterable[Any]) -> dict[str, str]:
    """Name the columns of predictions that say whether a row's group is known.

    Parameters
    ----------
    factors
        Names of the grouping columns.

    Returns
    -------
    The column of each: `known_group` of the first, `known_<name>` of the others.

    Examples
    --------
    >>> known_columns(["lecturer", "student"])
    {'lecturer': 'known_group', 'student': 'known_student'}
    """
    names: dict[str, str] = {}
    for place, factor in enumerate(factors):
        name = f"known_{factor}" if place else KNOWN
        while name in names.values():
            name += "_"
        names[str(factor)] = name
    return names


def _decisions(parts: list[Part]) -> dict[str, npt.NDArray[Any]]:
    """Return the column of decision functions, where some model has one to show."""
    if all(predictions.decision is None for *_, predictions in parts):
        return {}
    values = [
        np.full(len(p.rows), np.nan) if p.decision is None else p.decision
        for *_, p in parts
    ]
    return {DECISION: np.concatenate(values)}


def with_decisions(predictions: pd.DataFrame, task: Task) -> pd.DataFrame:
    """Put decision functions where a model gives no probabilities, for ranks only.

    Parameters
    ----------
    predictions
        Tidy predictions.
    task
        Of two classes; others have no column of decisions.
    """
    if DECISION not in predictions:
        return predictions
    other, positive = task.columns
    values = predictions[DECISION]
    filled = predictions[[other, positive]].fillna({other: -values, positive: values})
    return predictions.assign(**filled)


def _known(
    parts: list[Part], groups: pd.DataFrame | None, names: dict[str, str]
) -> dict[str, Any]:
    """Say for each row whether its groups were in the fold's training part."""
    if groups is None:
        n_rows = sum(len(predictions.rows) for *_, predictions in parts)
        return {KNOWN: pd.array([pd.NA] * n_rows, dtype="boolean")}
    return {name: _known_groups(parts, groups[key]) for key, name in names.items()}


def _known_groups(parts: list[Part], groups: pd.Series[Any]) -> Any:
    codes = pd.factorize(groups)[0].astype(np.intp)
    nobody = np.empty(0, dtype=np.intp)
    found = [
        are_known(codes, nobody if f.train is None else f.train.rows, part.rows)
        for f, _, part in parts
    ]
    return pd.array(np.concatenate(found), dtype="boolean")


def params_table(folds: Iterable[FoldResult]) -> pd.DataFrame:
    """Stack what was chosen inside folds: a row per fold of which something was."""
    tuned = [(fold, fold.chosen) for fold in folds if fold.chosen]
    table = pd.DataFrame([address(fold) for fold, _ in tuned], columns=ADDRESS)
    names = dict.fromkeys(name for _, chosen in tuned for name in chosen)
    for name in names:
        table[name] = _parameter([chosen.get(name) for _, chosen in tuned])
    return table


def _parameter(values: list[Any]) -> Any:
    """Keep whole numbers whole where another model lacks the parameter."""
    known = [value for value in values if value is not None]
    if all(
        isinstance(value, Integral) and not isinstance(value, bool) for value in known
    ):
        return pd.array(values, dtype="Int64")
    return values


def warnings_table(
    folds: Iterable[FoldResult],
    undefined: Iterable[tuple[FoldResult, str]] = (),
) -> pd.DataFrame:
    """Stack warnings and failures, and scores without a value: a row each."""
    rows = []
    for fold in folds:
        pairs = list(fold.warnings)
        if fold.error:
            pairs.append(("Failure", fold.error))
        rows += [{**address(fold), "category": c, "message": m} for c, m in pairs]
    rows += [
        {**address(fold), "category": "UndefinedScore", "message": reason}
        for fold, reason in undefined
    ]
    return pd.DataFrame(rows, columns=[*ADDRESS, "category", "message"])
