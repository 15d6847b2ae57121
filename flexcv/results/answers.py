"""What can be asked of results: how far to trust them, to draw, keep and show them."""

from __future__ import annotations

import importlib
import os
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import pandas as pd

from flexcv.dataset import Task
from flexcv.metrics import Metric
from flexcv.metrics.trying import refuse_misfit

from ._aligned import fold_scores
from .comparison import pairwise_comparison, score_intervals
from .known_groups import COUNT, scores_by_known_group
from .metric_choice import LostFunction, choose_metric, is_greater_better
from .responses import check_probabilities_given, scorable


class AbstractAnswers(ABC):
    """Answers from tidy scores and predictions, written once."""

    metrics: tuple[Metric, ...]
    task: Task

    @property
    @abstractmethod
    def scores(self) -> pd.DataFrame:
        """One row per model, repeat, fold, part and metric."""

    @property
    @abstractmethod
    def predictions(self) -> pd.DataFrame:
        """One row per model, fold and predicted row."""

    def compare(
        self,
        metric: Any = None,
        *,
        direction: str | None = None,
        rope: float | None = None,
        level: float = 0.95,
        n_bootstrap: int = 2000,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Compare all pairs of models, with an interval, two tests and a sentence.

        Parameters
        ----------
        metric
            A name, a `Metric` or a function of (y_true, y_pred). One that the run did
            not score is computed from the predictions. None is ``"r2"``, of classes
            the run's first.
        direction
            ``"min"`` or ``"max"``; None takes the metric's own.
        rope, level, n_bootstrap, seed
            As in `flexcv.results.comparison.pairwise_comparison`, which also tells
            the columns.
        """
        chosen = self._chosen(metric)
        greater = is_greater_better(chosen, direction)
        predictions, function = self._scorable(chosen)
        return pairwise_comparison(
            self.scores,
            predictions,
            chosen.name,
            greater_is_better=greater,
            function=function,
            rope=rope,
            level=level,
            n_bootstrap=n_bootstrap,
            seed=seed,
        )

    def interval(
        self,
        metric: Any = None,
        *,
        level: float = 0.95,
        n_bootstrap: int = 2000,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Give each model's score with its interval: mean, lower, upper, method.

        Parameters
        ----------
        metric, level, n_bootstrap, seed
            As in `compare`.
        """
        chosen = self._chosen(metric)
        predictions, function = self._scorable(chosen)
        return score_intervals(
            self.scores,
            predictions,
            chosen.name,
            function=function,
            level=level,
            n_bootstrap=n_bootstrap,
            seed=seed,
        )

    def scores_of(self, metric: Any) -> pd.DataFrame:
        """Give the test scores of one metric, computed where the run did not.

        Columns: model, repeat, fold, part, metric, value.

        Parameters
        ----------
        metric
            As in `compare`.
        """
        chosen = self._chosen(metric)
        predictions, function = self._scorable(chosen)
        table = fold_scores(self.scores, predictions, chosen.name, function)
        return table.assign(part="test", metric=chosen.name)

    def by_known_group(self, *, pooled: bool = False) -> pd.DataFrame:
        """Score the rows of known and of new groups apart, models across.

        The index is (Groups, Metric); the metric ``"n_rows"`` counts the rows. A model
        that failed on a fold has no scores here, as in the summary's averages.

        Parameters
        ----------
        pooled
            Score all folds of a repeat together instead of averaging over folds.
        """
        predictions, metrics = scorable(self.predictions, self.metrics, self.task)
        table = scores_by_known_group(predictions, metrics, pooled)
        failed = self.scores.loc[self.scores["n_rows"].eq(0), "model"].unique()
        is_score = table.index.get_level_values("Metric") != COUNT
        table.loc[is_score, table.columns.isin(failed)] = np.nan
        return table

    @property
    def plot(self) -> Any:
        """Pictures of these results: ``results.plot.scores("r2")`` and others."""
        return importlib.import_module("flexcv.results.pictures").Pictures(self)

    def save(self, folder: str | os.PathLike[str], *, estimators: bool = False) -> None:
        """Write every table into a folder, from which `load` reads it exactly.

        Parameters
        ----------
        folder
            A new or empty folder, or one that a run or `save` wrote.
        estimators
            Whether to keep the fitted models too, as pickles.
        """
        importlib.import_module("flexcv.results.storage").save_results(
            folder, self, estimators=estimators
        )

    def report(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        title: str = "",
        metric: Any = None,
    ) -> str:
        """Give one self-contained HTML page about the run, and write it.

        Parameters
        ----------
        path
            The file; None only gives the text.
        title
            The headline.
        metric
            What models are compared by; None takes the run's first.
        """
        writing = importlib.import_module("flexcv.results.report")
        page: str = writing.write_report(self, path, title=title, metric=metric)
        return page

    def _chosen(self, metric: Any) -> Metric:
        """Find the metric that is meant, and refuse one of another kind of target."""
        classes = self.task.classes
        if metric is None:
            metric = self.metrics[0] if classes else "r2"
        chosen = choose_metric(metric, self.metrics)
        refuse_misfit(f"metric {chosen.name!r}", chosen.function, classes)
        check_probabilities_given(chosen, classes)
        return chosen

    def _scorable(self, metric: Metric) -> tuple[pd.DataFrame, Any]:
        """Give predictions and what scores them; None where that was not stored."""
        if isinstance(metric.function, LostFunction):
            return self.predictions, None
        predictions, [scored] = scorable(self.predictions, [metric], self.task)
        return predictions, scored.function
