"""What a reader of a run wants first: which model is best, and every model's scores."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from html import escape
from typing import Any

import pandas as pd

from flexcv._checks import listed
from flexcv.metrics import Metric
from flexcv.metrics.choice import choose_metric

from . import page
from ._wording import counted
from .asked import RunResults
from .comparison import interval_centres
from .tables import COUNT


class FirstLook:
    """Answer and scores of a run, for its report and for a notebook.

    Parameters
    ----------
    results
        The results of a run, of which at least one unit was finished.
    metric
        What models are compared by; None takes the run's first.
    """

    def __init__(self, results: RunResults, metric: Any = None) -> None:
        self._results = results
        first = results.metrics[0] if metric is None else metric
        self.metric: Metric = choose_metric(first, results.metrics)

    @cached_property
    def intervals(self) -> pd.DataFrame:
        """Each model's score with its interval."""
        return self._results.interval(self.metric)

    @cached_property
    def best(self) -> str | None:
        """The best model by the main metric, where all that have it share their folds.

        One with failed folds is none.
        """
        counts = self._results.scores.groupby("model")["n_rows"].min()
        whole = counts.index[counts > 0]
        centres = interval_centres(self.intervals)
        means = centres.loc[self.intervals.index.isin(whole)].dropna()
        greater = self.metric.greater_is_better
        if greater is None or means.empty or not self._are_even(means.index):
            return None
        return str(means.idxmax() if greater else means.idxmin())

    def _are_even(self, models: pd.Index) -> bool:
        """Whether models have a score by the main metric on the same folds."""
        scores = self._results.scores_of(self.metric).dropna(subset="value")
        return _share_folds(scores[scores["model"].isin(models)])

    @property
    def question(self) -> str:
        """What the run answers."""
        question = self._results.information.get("question", "new rows")
        return f"How well does each model predict {question}?"

    @property
    def partial(self) -> str | None:
        """That the run stopped early, in a sentence; None where it did not."""
        if not self._results.is_partial:
            return None
        said = "This run stopped early: what follows is about a part of its folds"
        if _share_folds(self._results.scores):
            return f"{said}."
        return (
            f"{said}, and not of the same for every model; `compare` takes shared ones."
        )

    @property
    def failed(self) -> str | None:
        """Which models failed on how many folds, in a sentence; None where none did."""
        folds: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for fold in self._results.folds:
            folds[fold.model] += 1
            failed[fold.model] += bool(fold.error)
        told = [f"{name} on {n} of {folds[name]}" for name, n in failed.items() if n]
        if not told:
            return None
        return f"Failed folds: {', '.join(told)}; `results.warnings` says why."

    @property
    def answer(self) -> str | None:
        """Which model is best, in a sentence; None where that cannot be said."""
        if self.best is None:
            return None
        said = score_said(self.intervals.loc[self.best])
        alike = self._alike(self.best)
        more = f"; {listed(alike)} the same to all digits shown" if alike else ""
        return f"Best by {self.metric.name}: {self.best}, with {said}{more}."

    def _alike(self, best: str) -> list[str]:
        """Name the models whose score is shown by the same digits as the best's."""
        shown = interval_centres(self.intervals).map(page.number)
        same = shown.index[shown == shown[best]]
        return [str(name) for name in same if str(name) != best]

    def scores(self) -> pd.DataFrame:
        """Return mean and standard deviation over folds, and the main interval.

        Where the interval is that of the pooled score, that is shown beside it.
        """
        results = self._results
        table = pd.DataFrame({"model": list(results)})
        summary = results.summary
        for metric in results.metrics:
            table[metric.name] = [
                _averaged(summary[model], metric.name) for model in results
            ]
        intervals = self.intervals.loc[table["model"]]
        if intervals["pooled"].notna().any():
            pooled = [page.number(value) for value in intervals["pooled"]]
            table[f"{self.metric.name}, pooled"] = pooled
        table[f"{self.metric.name}, 95 % interval"] = [
            _span(low, high)
            for low, high in zip(intervals["lower"], intervals["upper"], strict=True)
        ]
        return table

    def html(self) -> str:
        """Return question, answer and scores for a notebook."""
        said = [self.partial, self.failed, self.answer]
        lines = "".join(f"<p>{escape(text)}</p>" for text in said if text)
        return (
            f"<p><b>{escape(self.question)}</b></p>{lines}{page.table(self.scores())}"
        )

    def text(self) -> str:
        """Return the same for a terminal."""
        said = [self.question, self.partial, self.failed, self.answer]
        lines = [text for text in said if text]
        return "\n".join([*lines, self.scores().to_string(index=False)])


def score_said(row: Any) -> str:
    """Say a score with its interval of 95 %.

    Parameters
    ----------
    row
        Of `score_intervals`: mean, pooled, lower, upper and method by name.

    Examples
    --------
    >>> row = {"mean": 0.3, "pooled": 0.25, "lower": 0.1, "upper": 0.4, "method": "t"}
    >>> score_said(row)
    '0.25 pooled over folds (95 % interval 0.1 to 0.4; t)'
    """
    method = str(row["method"])
    said = f"{page.number(row['mean'])} on average over folds"
    if row["pooled"] == row["pooled"]:  # what the interval and the rank are about
        said = f"{page.number(row['pooled'])} pooled over folds"
    if row["lower"] != row["lower"]:
        return f"{said} (no interval: {method.removeprefix('none: ')})"
    return f"{said} (95 % interval {_span(row['lower'], row['upper'])}; {method})"


def _share_folds(scores: pd.DataFrame) -> bool:
    """Whether every fold has all the models."""
    folds = scores.groupby(["repeat", "fold"])["model"].nunique()
    return bool(folds.eq(len(scores["model"].unique())).all())


def _averaged(column: pd.Series[Any], metric: str) -> str:
    """Show a mean with its deviation, and of how many folds where some have none."""
    mean, spread = column["mean", metric], column["std", metric]
    shown = str(page.number(mean))
    if spread == spread:
        shown += f" ± {page.number(spread)}"
    if (COUNT, metric) not in column.index or mean != mean:
        return shown
    n_folds = int(column[COUNT, metric])
    return f"{shown} ({counted(n_folds, 'fold')})"


def _span(low: Any, high: Any) -> str:
    """Show an interval, where there is one."""
    if low != low:
        return str(page.number(low))
    return f"{page.number(low)} to {page.number(high)}"
