"""Tidy tables over all folds, and the summary people read."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.pipeline import Pipeline

from flexcv._checks import near_miss
from flexcv._migration import attributes_of
from flexcv._signatures import readable
from flexcv.arrays import FloatArray
from flexcv.dataset import Dataset
from flexcv.errors import FlexcvError, NotPerformedError
from flexcv.metrics import Metric
from flexcv.metrics.choice import Direction, is_greater_better
from flexcv.metrics.limits import FREE
from flexcv.metrics.metric import MetricChoice
from flexcv.records import FoldResult, Predictions, address, stacked
from flexcv.storage.results import load_parts
from flexcv.storage.saving import save_results

from ._wording import counted, why_nothing
from .aligned import fold_scores
from .comparison import pairwise_comparison, score_intervals
from .displays import Estimators, ModelFolds, SentenceFrame
from .facts import data_facts
from .findings import FoldFindings, collect_findings
from .kept import kept
from .kept_model import KeptModel
from .known_groups import COUNT, factors_meant, scores_by_known_group
from .known_rows import counts_of, known_rows_curve, known_rows_table
from .plans import PlansCompared, named_by_question, plan_folders
from .scorable import labels_of, metric_meant, scorable, scorable_by, truth
from .scoring import best_fold, scored, scores_by_name, undefined
from .tables import (
    params_table,
    predictions_table,
    require_predictions,
    scores_table,
    summary_table,
    warnings_table,
)

if TYPE_CHECKING:
    from .pictures import Pictures


@readable
class CrossValidationResults(Mapping[str, dict[str, list[Any]]]):
    """Everything known after a run, as tables.

    Iterating gives model names; ``results["Model"]`` gives that model's lists, one
    entry per fold: ``model``, ``parameters``, ``metrics``, ``folds_by_metrics``,
    ``y_pred``, ``y_test``, ``y_pred_train``, ``y_train``. `task` says whether numbers
    or classes were predicted, and which classes.

    Parameters
    ----------
    folds
        What each model did on each fold, in the order of the run.
    dataset
        The table; its target and groups are kept, its features are not.
    metrics
        What to score.
    information
        Settings, seed, versions and the like, for the reader.
    is_partial
        Whether the run stopped before all its units were done.
    diagnostics
        How alike the parts of each fold are, when the run was asked for it.
    facts
        What is known about the table; None looks at `dataset`.
    refit
        Fits again a model that was not kept, when somebody asks for it.
    finish
        Fits a model to all rows, when somebody asks for the one to keep.
    stopped
        How far the run came and why it stopped, in a sentence; empty when it did not.
    """

    if not TYPE_CHECKING:
        __getattr__ = attributes_of("flexcv.results_handling.CrossValidationResults")

    def __init__(
        self,
        folds: Sequence[FoldResult],
        dataset: Dataset,
        metrics: Sequence[Metric],
        information: Mapping[str, Any] | None = None,
        *,
        is_partial: bool = False,
        diagnostics: pd.DataFrame | None = None,
        facts: Mapping[str, Any] | None = None,
        refit: Callable[[FoldResult], Any] | None = None,
        finish: Callable[[CrossValidationResults, str], KeptModel] | None = None,
        stopped: str = "",
    ) -> None:
        self.stopped = stopped
        self.metrics = tuple(metrics)
        self.task = dataset.task
        self._target = dataset.target
        self._groups = dataset.groups
        self.weights = dataset.weights_for("scores", np.arange(len(dataset)))
        what = self.metrics, self._target, self.task, self.weights
        self.folds = tuple(scored(fold, *what) for fold in folds)
        self.information = dict(information or {})
        self.is_partial = is_partial
        self.diagnostics = diagnostics
        self._refit, self._finish = refit, finish
        self._refitted: dict[tuple[str, int, int], Any] = {}
        self._kept: dict[Any, pd.DataFrame] = {}
        self.facts = dict(data_facts(dataset) if facts is None else facts)

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models, in the order they were added."""
        return tuple(dict.fromkeys(fold.model for fold in self.folds))

    @property
    def n_repeats(self) -> int:
        """Count the repeats of the run."""
        return len({fold.repeat for fold in self.folds})

    def __iter__(self) -> Iterator[str]:
        return iter(self.models)

    def __len__(self) -> int:
        return len(self.models)

    def __getitem__(self, model: str) -> dict[str, list[Any]]:
        folds = self._folds_of(model)
        metrics = [scores_by_name(fold) for fold in folds]
        lists = {
            "model": [fold.estimator for fold in folds],
            "parameters": [dict(fold.params) for fold in folds],
            "metrics": metrics,
            "folds_by_metrics": {
                name: [scores[name] for scores in metrics] for name in metrics[0]
            },
            "y_pred": [self._predicted(fold.test) for fold in folds],
            "y_test": [self._truth(fold.test) for fold in folds],
            "y_pred_train": [self._predicted(fold.train) for fold in folds],
            "y_train": [self._truth(fold.train) for fold in folds],
        }
        return ModelFolds(model, lists)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.models)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row per model, repeat, fold, part and metric; NaN where a model failed.

        Columns: model, repeat, fold, part (``"test"`` or ``"train"``), metric,
        value, n_rows.
        """
        return scores_table(self.folds)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """Scores of all models side by side.

        The index is (Fold, Metric): each fold, then mean, median and standard
        deviation (over folds, each fold weighing the same, with n - 1). Metrics of
        the training part end in ``_train``. Columns are models.
        """
        self._require_units()
        return summary_table(self.scores)

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """One row per model, fold and predicted row.

        Columns: model, repeat, fold, row (its position in the table), group,
        known_group (whether the group was in the fold's training part), y_true,
        y_pred, part. Of several grouping columns, group and known_group are about the
        first, and ``known_<name>`` about each further one. Where classes are
        predicted, y_true and y_pred are categories, and ``proba_<class>`` holds the
        probability of each class; where a model of two classes gives none,
        ``decision`` holds its decision function. Where scores have weights, there is a
        column weight.
        """
        roles = self._target, self._groups, self.task, self.weights
        return predictions_table(self.folds, *roles)

    @property
    def rows(self) -> pd.DataFrame:
        """Target and splitting group of each row of the table, in its order."""
        rows = self._target.rename("y_true").to_frame().reset_index(drop=True)
        if self._groups is not None:
            rows["group"] = self._groups.iloc[:, 0].array
        return rows

    @property
    def groups(self) -> pd.DataFrame | None:
        """The grouping columns of the table, in its order; None without any."""
        return None if self._groups is None else self._groups.reset_index(drop=True)

    @property
    def params(self) -> pd.DataFrame:
        """What was chosen inside each fold: a row per model, repeat and fold.

        Parameters that were tuned, rounds that early stopping kept, and
        ``decision_threshold``.
        """
        return params_table(self.folds)

    @property
    def trials(self) -> pd.DataFrame:
        """One row per trial of the tuning: address, trial, value, state, parameters."""
        return stacked((fold, fold.trials) for fold in self.folds)

    @property
    def traces(self) -> pd.DataFrame:
        """One row per iteration of the estimators that keep a trace, such as MERF."""
        return stacked((fold, fold.traces) for fold in self.folds)

    @property
    def warnings(self) -> pd.DataFrame:
        """One row per warning or failure: address, category, message.

        A metric that has no value for a part of a fold is here with its reason.
        """
        return SentenceFrame(warnings_table(self.folds, undefined(self.folds)))

    @property
    def seconds(self) -> pd.DataFrame:
        """Wall-clock seconds of tuning, fitting and predicting."""
        return pd.DataFrame([{**address(f), **f.seconds} for f in self.folds])

    @property
    def estimators(self) -> dict[str, list[Any]]:
        """Fitted models by name, one per fold, that predict on the user's own table.

        Each is a scikit-learn pipeline with the steps ``"table"`` (picks and scales
        the columns) and ``"model"``. For models with random effects the table needs
        the grouping columns too: ``X.assign(subject=subject)``. Models that were not
        kept (of a large table, or read from a run folder) are fitted again when asked
        for, with what tuning chose; they come out the same.
        """
        return Estimators(
            (model, [self._estimator(fold) for fold in self._folds_of(model)])
            for model in self.models
        )

    @property
    def findings(self) -> dict[str, dict[str, FoldFindings]]:
        """What post-processors saw: by model, then by name.

        Each is a sequence with an entry per fold; its `frame` has all folds, its
        `combined` mean and spread over folds, and `plot` draws it.
        """
        return collect_findings(self.folds)

    @kept
    def compare(
        self,
        metric: MetricChoice | None = None,
        *,
        direction: Direction | None = None,
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
        self._require_units()
        chosen = metric_meant(metric, self.metrics, self.task)
        greater = is_greater_better(chosen, direction)
        predictions, function = scorable_by(chosen, self.predictions, self.task)
        pairs = pairwise_comparison(
            self.scores,
            predictions,
            chosen.name,
            greater_is_better=greater,
            function=function,
            is_partial=self.is_partial,
            rope=rope,
            level=level,
            n_bootstrap=n_bootstrap,
            seed=seed,
        )
        return SentenceFrame(pairs)

    @kept
    def interval(
        self,
        metric: MetricChoice | None = None,
        *,
        level: float = 0.95,
        n_bootstrap: int = 2000,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Return each model's score: mean, pooled, lower, upper, method.

        Parameters
        ----------
        metric, level, n_bootstrap, seed
            As in `compare`.
        """
        self._require_units()
        chosen = metric_meant(metric, self.metrics, self.task)
        predictions, function = scorable_by(chosen, self.predictions, self.task)
        return score_intervals(
            self.scores,
            predictions,
            chosen.name,
            function=function,
            limits=chosen.limits or FREE,
            level=level,
            n_bootstrap=n_bootstrap,
            seed=seed,
        )

    def scores_of(self, metric: MetricChoice) -> pd.DataFrame:
        """Return the test scores of one metric, computed where the run did not.

        Columns: model, repeat, fold, part, metric, value.

        Parameters
        ----------
        metric
            As in `compare`.
        """
        self._require_units()
        chosen = metric_meant(metric, self.metrics, self.task)
        predictions, function = scorable_by(chosen, self.predictions, self.task)
        table = fold_scores(self.scores, predictions, chosen.name, function)
        return table.assign(part="test", metric=chosen.name)

    def by_known_group(
        self, *, pooled: bool = False, factor: str | None = None
    ) -> pd.DataFrame:
        """Score the rows of known and of new groups apart, models across.

        The index is (Groups, Metric); the metric ``"n_rows"`` counts the rows. Of
        several grouping columns every combination has its rows, such as ``"new
        lecturer, known student"``. A model that failed on a fold has no scores here,
        as in the summary's averages.

        Parameters
        ----------
        pooled
            Score all folds of a repeat together instead of averaging over folds.
        factor
            One grouping column, to tell its groups apart alone; None takes all.
        """
        self._require_units()
        rows = require_predictions(self.predictions)
        predictions, metrics = scorable(rows, self.metrics, self.task)
        names = () if self._groups is None else self._groups.columns
        factors = factors_meant(names, factor)
        table = scores_by_known_group(predictions, metrics, pooled, factors)
        failed = self.scores.loc[self.scores["n_rows"].eq(0), "model"].unique()
        is_score = table.index.get_level_values("Metric") != COUNT
        table.loc[is_score, table.columns.isin(failed)] = np.nan
        return table

    @property
    def known_rows_predictions(self) -> pd.DataFrame:
        """One row per model, fold, number of known rows and scored row.

        Of a run with ``set_splits(known_rows=...)``; columns as in `predictions`, with
        known_rows, how many rows of the group were known, after the address. Another
        run has no row.
        """
        self._require_units()
        return known_rows_table(self.folds, self._target, self._groups, self.task)

    @kept
    def by_known_rows(
        self,
        metric: MetricChoice | None = None,
        *,
        level: float = 0.95,
        n_bootstrap: int = 2000,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Score new groups by how many of their rows were known: a learning curve.

        Of a run with ``set_splits(known_rows=...)``. Every number is scored on the same
        rows, those beyond the largest number, of groups that have such rows. Models
        without random effects take no notice and are flat.

        Parameters
        ----------
        metric
            As in `compare`; None is the run's first.
        level, n_bootstrap, seed
            Of the intervals, from resampled groups; that another training set gives
            other models is not in them.

        Returns
        -------
        Columns model, known_rows, score (pooled over folds), lower, upper, n_groups,
        n_rows and method.
        """
        chosen = self.metrics[0] if metric is None else metric
        meant = metric_meant(chosen, self.metrics, self.task)
        counts_of(self.folds)  # refuses a run that has none
        rows = self.known_rows_predictions
        settings = {"level": level, "n_bootstrap": n_bootstrap, "seed": seed}
        return known_rows_curve(rows, meant, self.task, **settings)

    @property
    def plot(self) -> Pictures:
        """Pictures of these results: ``results.plot.scores("r2")`` and others."""
        self._require_units()
        pictures = importlib.import_module("flexcv.results.pictures")  # matplotlib
        drawn: Pictures = pictures.Pictures(self)
        return drawn

    def report(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        title: str = "",
        metric: MetricChoice | None = None,
    ) -> str:
        """Return one self-contained HTML page about the run, and write it.

        Parameters
        ----------
        path
            The file; None only gives the text.
        title
            The headline.
        metric
            What models are compared by; None takes the run's first.
        """
        self._require_units()
        writing = importlib.import_module("flexcv.results.report")  # matplotlib
        page: str = writing.write_report(self, path, title=title, metric=metric)
        return page

    def save(self, folder: str | os.PathLike[str], *, estimators: bool = False) -> None:
        """Write everything into a folder, from which `load` reads it exactly.

        Parameters
        ----------
        folder
            A new or empty folder, that of this run, or one that holds these results.
        estimators
            Whether to keep the fitted models too, as pickles.

        Raises
        ------
        StorageError
            When the folder holds another run or other files, or is in use.
        """
        save_results(folder, self, estimators=estimators)

    @classmethod
    def load(
        cls, folder: str | os.PathLike[str], *, partial: bool = False
    ) -> CrossValidationResults | PlansCompared[CrossValidationResults]:
        """Read results that `save` or a run wrote; fitted models are not read.

        Parameters
        ----------
        folder
            The folder; that of several plans gives `PlansCompared`.
        partial
            Whether to take what is there of a run that goes on, or was killed.

        Raises
        ------
        StorageError
            When it is damaged, unfinished, or of a version that cannot be read.
        """
        place = Path(folder)
        below = plan_folders(place)
        if not below:
            return cls(**load_parts(place, partial=partial))
        loaded = [cls(**load_parts(path, partial=partial)) for path in below]
        return PlansCompared(named_by_question(loaded))

    def final(self, model: str) -> KeptModel:
        """Fit a model to all rows as each fold fitted it: the `FinalModel` to keep.

        Parameters
        ----------
        model
            Its name, such as ``"Forest"`` or ``"MERF(Forest)"``.

        Raises
        ------
        FlexcvError
            When these results were read from a folder, which has no table.
        """
        self._folds_of(model)
        if self._finish is None:
            raise FlexcvError(
                f"{model!r} cannot be fitted to all rows: these results were read from "
                "a folder, which keeps neither the features nor the settings; describe "
                "the chain with set_run(folder) and perform() again, which reads what "
                f"is finished there, then call cv.fit_final({model!r})."
            )
        return self._finish(self, model)

    def get_best_model_by_metric(
        self,
        model_name: str | None = None,
        metric_name: str | None = None,
        direction: Direction | None = None,
    ) -> Pipeline:
        """Return the fitted model of the fold with the best test score.

        It is not the model to keep, which is what `final` gives: it has not seen a
        fold of the rows, and it is the best for its test part was easy more often than
        for it is better than its brothers. Its score, the best of several, promises
        more than any model holds.

        Parameters
        ----------
        model_name
            Look at this model only; None looks at all. The metric comes second.
        metric_name
            One of the metrics of the run; None is ``"mse"``, of classes the first.
        direction
            ``"min"`` or ``"max"``; None takes the metric's own.
        """
        self._require_units()
        known = [metric.name for metric in self.metrics]
        if model_name in known and model_name not in self.models:
            raise KeyError(
                f"{model_name!r} is a metric, and the model comes first; write "
                f"get_best_model_by_metric(metric_name={model_name!r}), and keep the "
                "model that final(model) gives."
            )
        if metric_name is None:
            metric_name = self.metrics[0].name if self.task.classes else "mse"
        metric = self._metric(metric_name)
        greater = is_greater_better(metric, direction)
        folds = self.folds if model_name is None else self._folds_of(model_name)
        return self._estimator(best_fold(folds, metric_name, greater))

    def get_predictions(
        self, model_name: str, fold_id: int, repeat: int = 0
    ) -> npt.NDArray[Any] | None:
        """Return the test predictions of one model on one fold, shape (n_test,)."""
        return self._predicted(self._fold(model_name, fold_id, repeat).test)

    def get_probabilities(
        self, model_name: str, fold_id: int, repeat: int = 0
    ) -> FloatArray | None:
        """Return the probabilities of one model on one fold, shape (n_test, n_classes).

        Columns are in the order of `task.classes`; None from a model without them.
        """
        test = self._fold(model_name, fold_id, repeat).test
        return None if test is None else test.probabilities

    def get_true_values(
        self, model_name: str, fold_id: int, repeat: int = 0
    ) -> npt.NDArray[Any] | None:
        """Return the true test values of one fold, shape (n_test,)."""
        return self._truth(self._fold(model_name, fold_id, repeat).test)

    def __repr__(self) -> str:
        if not self.folds:
            return f"<CrossValidationResults: {why_nothing(self.stopped)}>"
        n_folds = len({(fold.repeat, fold.fold) for fold in self.folds})
        look = _first_look(self)
        folds = counted(n_folds, "fold")
        return f"<CrossValidationResults of {folds}>\n{look.text()}"

    def _repr_html_(self) -> str:
        if not self.folds:
            why = escape(why_nothing(self.stopped))
            return f"<p><b>Cross-validation results</b>: {why}</p>"
        return str(_first_look(self).html())

    def _require_units(self) -> None:
        """Refuse to answer from no unit at all."""
        if not self.folds:
            raise NotPerformedError(why_nothing(self.stopped))

    def _folds_of(self, model: str) -> list[FoldResult]:
        self._require_units()
        found = [fold for fold in self.folds if fold.model == model]
        if not found:
            known = f"; known are {', '.join(self.models)}."
            hint = near_miss(model, self.models) or known
            raise KeyError(f"no model is called {model!r}{hint}")
        return found

    def _fold(self, model: str, fold_id: int, repeat: int) -> FoldResult:
        for fold in self._folds_of(model):
            if (fold.repeat, fold.fold) == (repeat, fold_id):
                return fold
        raise KeyError(
            f"{model!r} has no fold {fold_id!r} in repeat {repeat!r}; "
            "`results.scores` lists the folds."
        )

    def _metric(self, name: str) -> Metric:
        names = [metric.name for metric in self.metrics]
        if name not in names:
            hint = near_miss(name, names) or f"; the run has {', '.join(names)}."
            raise ValueError(f"metric {name!r} was not computed{hint}")
        return self.metrics[names.index(name)]

    def _estimator(self, fold: FoldResult) -> Any:
        """Return a fitted model; one that was not kept is fitted again, once."""
        if fold.estimator is not None or fold.error:
            return fold.estimator
        if self._refit is None:
            raise ValueError(
                f"the fitted {fold.model!r} of fold {fold.fold} is not in these "
                "results; load_estimators(folder, trust_pickle=True) reads those that "
                "set_run(folder, keep_estimators=True) keeps, or perform again."
            )
        if fold.key not in self._refitted:
            self._refitted[fold.key] = self._refit(fold)
        return self._refitted[fold.key]

    def _truth(self, predictions: Predictions | None) -> npt.NDArray[Any]:
        return truth(predictions, self._target)

    def _predicted(self, predictions: Predictions | None) -> npt.NDArray[Any]:
        return labels_of(predictions, self.task)


def _first_look(results: CrossValidationResults) -> Any:
    """Return what a reader wants first; loaded when somebody looks."""
    return importlib.import_module("flexcv.results.first_look").FirstLook(results)


PlansCompared.read = CrossValidationResults.load
