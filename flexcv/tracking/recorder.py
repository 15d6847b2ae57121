"""From events to tracker calls; the only place that names keys.

::

    cross-validation   settings, data/..., versions/...; tables summary, scores, plan
                       (data when asked for); picture scores; page residuals or classes
    model              mean/test/mse, std/test/mse, ...; param/...; pictures
                       convergence and tuning with a line per fold
    fold               test/mse, train/mse, ..., seconds/fit; the tuned parameters;
                       series convergence/<column> by iteration, tuning/value and
                       tuning/best_value by trial; pictures residuals or classes, tuning
"""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from flexcv.errors import TrackingWarning
from flexcv.evaluation import (
    Event,
    RunFailed,
    RunFinished,
    RunStarted,
    TraceAdvanced,
    TrialFinished,
    TuningSettings,
    UnitFinished,
    UnitStarted,
)
from flexcv.metrics import Metric
from flexcv.results import CrossValidationResults, FoldResult

from . import _pictures as pictures
from ._facts import (
    dataset_facts,
    dataset_rows,
    git_commit,
    model_facts,
    readable,
    run_facts,
)
from ._guard import Guard, GuardedTracker
from ._page import ResidualPage
from ._predictions import picture_name, predictions_picture
from ._secrets import redact, redact_params
from ._tuning import importances, with_best
from .base import SeveralTrackers, Tracker

Key = tuple[str, int, int]


class Recorder:
    """Listen to a run and tell trackers; nothing that fails here reaches the run.

    Parameters
    ----------
    trackers
        Guarded trackers of the whole cross-validation.
    guards
        Their guards; what each noted first is warned about, once.
    metrics
        What to score.
    information
        What the run says about itself.
    records
        The run's settings; `TuningSettings` among them says what is better.
    log_data
        Whether to tell the table, row by row.
    """

    def __init__(
        self,
        trackers: Iterable[GuardedTracker],
        guards: Iterable[Guard],
        metrics: Sequence[Metric],
        information: Mapping[str, Any],
        records: Sequence[Any] = (),
        *,
        log_data: bool = False,
    ) -> None:
        self._run = SeveralTrackers(trackers)
        self._own = Guard("recorder")
        self._guards = (*guards, self._own)
        self._metrics = tuple(metrics)
        self._information = dict(information)
        self._records = tuple(records)
        self._log_data = log_data
        self._models: dict[str, SeveralTrackers] = {}
        self._folds: dict[Key, SeveralTrackers] = {}
        self._heard: dict[Key, int] = {}
        self._tried: dict[Key, int] = {}
        self._shares: dict[Key, dict[str, float]] = {}
        self._results: list[FoldResult] = []
        self._page = ResidualPage()
        self._start: RunStarted | None = None

    def __call__(self, event: Event) -> None:
        """Take one event."""
        answers: dict[type, Callable[[Any], None]] = {
            RunStarted: self._run_started,
            UnitStarted: self._unit_started,
            TrialFinished: self._trial_finished,
            TraceAdvanced: self._trace_advanced,
            UnitFinished: self._unit_finished,
            RunFinished: self._run_finished,
            RunFailed: self._run_failed,
        }
        answer = answers.get(type(event))
        if answer is None:
            return
        self._own.call(type(event).__name__, lambda: answer(event))
        if not isinstance(event, TraceAdvanced | TrialFinished):
            self._warn()  # never inside a unit, where warnings are the model's

    # -- events --

    def _run_started(self, event: RunStarted) -> None:
        self._start = event
        commit = git_commit()
        tags = {"flexcv.kind": "cross-validation"}
        self._run.set_tags(tags | ({"flexcv.git_commit": commit} if commit else {}))
        facts = run_facts(self._information, self._records)
        self._run.log_params(facts | dataset_facts(event.dataset))
        self._run.log_table("plan", event.plan.to_frame())
        if self._log_data:
            self._run.log_table("data", dataset_rows(event.dataset))
        for spec in event.specs:
            self._model_run(spec.name).log_params(model_facts(spec))
            for variant in spec.variants:
                self._model_run(variant.name).log_params({"around": spec.name})

    def _unit_started(self, event: UnitStarted) -> None:
        self._fold_run((event.model, event.repeat, event.fold))

    def _trial_finished(self, event: TrialFinished) -> None:
        key = (event.model, event.repeat, event.fold)
        self._tried[key] = event.number
        values = {"value": event.value, "best_value": event.best_value}
        points = {
            f"tuning/{name}": float(value)
            for name, value in values.items()
            if np.isfinite(value)
        }
        if points:
            self._fold_run(key).log_metrics(points, event.number)

    def _trace_advanced(self, event: TraceAdvanced) -> None:
        key = (event.model, event.repeat, event.fold)
        self._heard[key] = event.iteration
        points = {
            f"convergence/{name}": float(value)
            for name, value in event.row.items()
            if _is_known(value)
        }
        if points:
            self._fold_run(key).log_metrics(points, event.iteration)

    def _unit_finished(self, event: UnitFinished) -> None:
        for result in event.results:
            self._results.append(result)
            run = self._fold_run(result.key)
            for step in (
                self._tell_scores,
                self._tell_convergence,
                self._tell_tuning,
                self._tell_findings,
                self._tell_residuals,
            ):
                self._own.call(step.__name__, functools.partial(step, result, run))
            run.finish("failed" if result.error else "finished")
            del self._folds[result.key]

    def _run_finished(self, event: RunFinished) -> None:
        self._run.log_metrics({"seconds": event.seconds})
        self._close("finished")

    def _run_failed(self, event: RunFailed) -> None:
        error = event.error
        self._run.log_metrics({"seconds": event.seconds})
        self._run.log_text("error.txt", redact(f"{type(error).__name__}: {error}\n"))
        # KeyboardInterrupt and SystemExit are no Exception: someone stopped the run
        self._close("failed" if isinstance(error, Exception) else "killed")

    # -- one fold --

    def _tell_scores(self, result: FoldResult, run: SeveralTrackers) -> None:
        results = self._known([result])
        table = results.scores
        names = table["part"] + "/" + table["metric"]
        scores = dict(zip(names, table["value"].astype(float), strict=True))
        finite = {name: value for name, value in scores.items() if np.isfinite(value)}
        seconds = {f"seconds/{step}": value for step, value in result.seconds.items()}
        if result.error:
            run.log_text("error.txt", redact(result.error + "\n"))
        # A metric of classes may have no value; `results.warnings` says why.
        is_told = not (result.error or results.task.is_classification)
        run.log_metrics((scores if is_told else finite) | seconds)
        run.log_params(redact_params(_readable(result.params)))
        self._tell_flat(result, scores)

    def _tell_flat(self, result: FoldResult, scores: Mapping[str, float]) -> None:
        """Add a point to `<model>/<metric>` where a backend keeps such series."""
        folds = () if self._start is None else self._start.plan
        places = [(fold.repeat, fold.index) for fold in folds]
        number = places.index((result.repeat, result.fold))
        flat = {
            name.removeprefix("test/"): value
            for name, value in scores.items()
            if name.startswith("test/") and np.isfinite(value)
        }
        for tracker in self._model_run(result.model).trackers:
            if flat and getattr(tracker, "keeps_flat_keys", False):
                tracker.log_metrics(flat, number)

    def _tell_convergence(self, result: FoldResult, run: Tracker) -> None:
        """Send the rows of the trace that were not heard while the fit ran."""
        if result.traces is None:
            return
        last = self._heard.pop(result.key, None)
        traces = result.traces
        rows = traces if last is None else traces[traces["iteration"] > last]
        for name in rows.select_dtypes("number").columns.drop("iteration"):
            known = rows[rows[name].map(_is_known)]
            if len(known):
                steps = known["iteration"].astype(int).tolist()
                run.log_series(f"convergence/{name}", known[name].tolist(), steps)

    def _tell_tuning(self, result: FoldResult, run: Tracker) -> None:
        if result.trials is None:
            return
        greater = self._greater_is_better
        trials = with_best(result.trials, greater)
        for name in ("value", "best_value"):
            later = trials[trials["trial"] > self._tried.get(result.key, -1)]
            known = later[np.isfinite(later[name])]
            steps = known["trial"].astype(int).tolist()
            run.log_series(f"tuning/{name}", known[name].tolist(), steps)
        run.log_table("trials", result.trials)
        shares = importances(trials, self._space(result.model), greater)
        self._shares[result.key] = shares
        run.log_metrics({f"importance/{name}": share for name, share in shares.items()})
        drawn = pictures.tuning_picture(trials, self._title(result))
        run.log_text("tuning.svg", drawn)

    def _tell_findings(self, result: FoldResult, run: Tracker) -> None:
        if result.warnings:
            columns = ["category", "message"]
            run.log_table("warnings", pd.DataFrame(result.warnings, columns=columns))
        for finding in result.findings:
            name = f"findings/{finding.name}"
            run.log_table(name, _with_index(finding.frame))
            if finding.draw is not None:
                title = f"{finding.name}: {self._title(result)}"
                figures = importlib.import_module("flexcv.tracking._figures")
                picture = figures.finding_figure(finding.frame, finding.draw, title)
                run.log_figure(name, picture)

    def _tell_residuals(self, result: FoldResult, run: Tracker) -> None:
        if result.test is None or self._start is None:
            return
        dataset, title = self._start.dataset, self._title(result)
        drawn = predictions_picture(result.test, dataset, title)
        run.log_text(f"{picture_name(dataset.task)}.svg", drawn)
        self._page.add(result.model, drawn)

    # -- the end --

    def _close(self, status: str) -> None:
        for run in self._folds.values():
            run.finish(status)
        self._folds.clear()
        if self._results:
            results = self._known(self._results)
            self._own.call("summary", lambda: self._tell_summary(results))
            for model in results.models:
                tell = functools.partial(self._tell_model, model, results)
                self._own.call(model, tell)
        for run in self._models.values():
            run.finish(status)
        self._run.finish(status)

    def _tell_summary(self, results: CrossValidationResults) -> None:
        self._run.log_table("summary", results.summary.reset_index())
        self._run.log_table("scores", results.scores)
        averages = results.summary.loc[["mean", "std"]]
        page = self._page.html("Cross-validation", averages)
        self._run.log_text(f"{picture_name(results.task)}.html", page)
        names = [metric.name for metric in self._metrics]
        drawn = pictures.scores_picture(results.scores, names)
        self._run.log_text("scores.svg", drawn)

    def _tell_model(self, model: str, results: CrossValidationResults) -> None:
        run = self._models[model]
        scores = results.scores[results.scores["model"].eq(model)]
        values = scores.groupby(scores["part"] + "/" + scores["metric"])["value"]
        for kind, averages in (("mean", values.mean()), ("std", values.std())):
            known = averages[np.isfinite(averages)]  # one fold has no deviation
            run.log_metrics(
                {f"{kind}/{name}": float(known[name]) for name in known.index}
            )
        traces = _of_model(results.traces, model)
        if len(traces) and pictures.main_columns(traces):
            drawn = pictures.convergence_picture(traces, model)
            run.log_text("convergence.svg", drawn)
        trials = _of_model(results.trials, model)
        if len(trials):
            folds = trials.groupby(["repeat", "fold"], sort=False)
            best = [with_best(part, self._greater_is_better) for _, part in folds]
            shares = self._importance_table(model)
            drawn = pictures.tuning_overlay(pd.concat(best), shares, model)
            run.log_text("tuning.svg", drawn)

    def _importance_table(self, model: str) -> pd.DataFrame:
        rows = [
            {"feature": name, "fold": number, "importance": share}
            for number, (key, shares) in enumerate(self._shares.items())
            if key[0] == model
            for name, share in shares.items()
        ]
        return pd.DataFrame(rows, columns=["feature", "fold", "importance"])

    # -- helpers --

    @property
    def _greater_is_better(self) -> bool:
        found = [part for part in self._records if isinstance(part, TuningSettings)]
        return bool(found and found[0].objective.greater_is_better)

    def _known(self, results: Sequence[FoldResult]) -> CrossValidationResults:
        assert self._start is not None, "a unit finished before the run started"
        dataset, information = self._start.dataset, self._information
        return CrossValidationResults(results, dataset, self._metrics, information)

    def _space(self, model: str) -> Mapping[str, Any]:
        """Give the distributions of a model; none when a function draws them."""
        specs = () if self._start is None else self._start.specs
        space = next((spec.search_space for spec in specs if spec.name == model), {})
        return space if isinstance(space, Mapping) else {}

    def _model_run(self, model: str) -> SeveralTrackers:
        if model not in self._models:
            tags = {"flexcv.kind": "model", "flexcv.model": model}
            self._models[model] = self._run.child(model, "model", tags)
        return self._models[model]

    def _fold_run(self, key: Key) -> SeveralTrackers:
        if key not in self._folds:
            model, repeat, fold = key
            tags = {
                "flexcv.kind": "fold",
                "flexcv.model": model,
                "flexcv.repeat": str(repeat),
                "flexcv.fold": str(fold),
            }
            name = pictures.fold_name(repeat, fold, self._has_repeats)
            self._folds[key] = self._model_run(model).child(name, "fold", tags)
        return self._folds[key]

    @property
    def _has_repeats(self) -> bool:
        return self._start is not None and self._start.plan.n_repeats > 1

    def _fold_name(self, result: FoldResult) -> str:
        return pictures.fold_name(result.repeat, result.fold, self._has_repeats)

    def _title(self, result: FoldResult) -> str:
        return f"{result.model}, {self._fold_name(result)}"

    def _warn(self) -> None:
        for guard in self._guards:
            if sentence := guard.report():
                warnings.warn(sentence, TrackingWarning, stacklevel=2)


def _is_known(value: Any) -> bool:
    """Tell whether a cell of a trace holds a number; NaN stands for none."""
    return isinstance(value, int | float | np.number) and not np.isnan(float(value))


def _readable(params: Mapping[str, Any]) -> dict[str, Any]:
    return {name: readable(value) for name, value in params.items()}


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn an index with names into columns; a counting one is dropped."""
    if isinstance(frame.index, pd.RangeIndex):
        return frame
    return frame.reset_index()


def _of_model(table: pd.DataFrame, model: str) -> pd.DataFrame:
    return table[table["model"].eq(model)].dropna(axis=1, how="all")
