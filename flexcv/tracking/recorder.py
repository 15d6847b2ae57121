"""From events to tracker calls; the only place that names keys.

::

    cross-validation   settings, data/..., versions/..., direction/<metric>;
                       mean/test/<metric>/<model>; tables
                       summary, scores, plan (data when asked for); picture scores;
                       page residuals or classes
    model              mean/test/mse, std/test/mse, ...; param/...; pictures
                       convergence and tuning with a line per fold
    fold               test/mse, train/mse, ..., seconds/fit; the tuned parameters;
                       series convergence/<column> by iteration, tuning/value and
                       tuning/best_value by trial; pictures residuals or classes, tuning

Scores are read from the results, never computed here.
"""

from __future__ import annotations

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
from flexcv.evaluation.importances import frozen_trials, importances_of, kept_by
from flexcv.metrics import Metric
from flexcv.records import FoldResult, Key, stacked
from flexcv.results.findings import collect_findings, drawing_of
from flexcv.results.tables import scores_table, summary_table

from . import pictures
from .base import FIRST_METRIC, RESUMED, TEST_ROWS
from .facts import (
    dataset_facts,
    dataset_rows,
    directions,
    git_commit,
    model_facts,
    readable,
    rows_digest,
    run_facts,
)
from .fanout import Guard, SeveralTrackers

LIVE = (TraceAdvanced, TrialFinished)  # told inside a unit


class Recorder:
    """Listen to a run and tell trackers; nothing that fails here reaches the run.

    Parameters
    ----------
    run
        The trackers of the whole cross-validation.
    guards
        Their guards; what each noted first is warned about, once.
    metrics
        What was scored; their directions are told.
    information
        What the run says about itself.
    records
        The run's settings; `TuningSettings` among them says what is better.
    log_data
        Whether to tell the table, row by row.
    """

    def __init__(
        self,
        run: SeveralTrackers,
        guards: Iterable[Guard],
        metrics: Sequence[Metric] | None,
        information: Mapping[str, Any],
        records: Sequence[Any] = (),
        *,
        log_data: bool = False,
    ) -> None:
        self._run = run
        self._own = Guard("recorder")
        self._guards = (*guards, self._own)
        self._metrics = tuple(metrics or ())
        self._information = dict(information)
        self._records = tuple(records)
        self._log_data = log_data
        self._models: dict[str, SeveralTrackers] = {}
        self._folds: dict[Key, SeveralTrackers] = {}
        self._heard: dict[Key, int] = {}
        self._tried: dict[Key, int] = {}
        self._shares: dict[Key, dict[str, float]] = {}
        self._results: list[FoldResult] = []
        self._known: set[Key] = set()
        self._has_fitted = False
        self._drawn: dict[Key, str] = {}  # the picture of each test part
        self._start: RunStarted | None = None
        self._digests: dict[tuple[int, int], str] = {}

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
        if isinstance(event, LIVE):
            answer(event)  # numbers alone, and every tracker is guarded
            return
        self._own.call(type(event).__name__, answer, event)
        self._warn()  # never inside a unit, where warnings are the model's

    # -- events --

    def _run_started(self, event: RunStarted) -> None:
        self._start = event
        self._digests = {(f.repeat, f.index): rows_digest(f.test) for f in event.plan}
        commit = git_commit()
        tags = {"flexcv.kind": "cross-validation"}
        tags |= {"flexcv.git_commit": commit} if commit else {}
        tags |= {FIRST_METRIC: self._metrics[0].name} if self._metrics else {}
        self._run.set_tags(tags)
        facts = run_facts(self._information, self._records)
        facts |= dataset_facts(event.dataset) | directions(self._metrics)
        self._run.log_params(facts)
        self._run.log_table("plan", event.plan.to_frame())
        if self._log_data:
            self._run.log_table("data", dataset_rows(event.dataset))
        for spec in event.specs:
            self._model_run(spec.name).log_params(model_facts(spec))
            for variant in spec.variants:
                self._model_run(variant.name).log_params({"around": spec.name})

    def _unit_started(self, event: UnitStarted) -> None:
        self._has_fitted = True
        self._fold_run((event.model, event.repeat, event.fold))

    def _trial_finished(self, event: TrialFinished) -> None:
        key = (event.model, event.repeat, event.fold)
        self._tried[key] = event.number
        points = {"tuning/value": event.value, "tuning/best_value": event.best_value}
        self._fold_run(key).log_metrics(points, event.number)

    def _trace_advanced(self, event: TraceAdvanced) -> None:
        key = (event.model, event.repeat, event.fold)
        self._heard[key] = event.iteration
        points = {
            f"convergence/{name}": value
            for name, value in event.row.items()
            if isinstance(value, int | float | np.number)
        }
        self._fold_run(key).log_metrics(points, event.iteration)

    def _unit_finished(self, event: UnitFinished) -> None:
        self._has_fitted |= not event.is_resumed
        tags = {RESUMED: "true"} if event.is_resumed else {}
        for result in event.results:
            self._results.append(result)
            run = self._fold_run(result.key, tags)
            if not run.trackers:  # each of them has heard of it in an earlier run
                self._known.add(result.key)
                del self._folds[result.key]
                continue
            for step in (
                self._tell_scores,
                self._tell_convergence,
                self._tell_tuning,
                self._tell_findings,
                self._tell_residuals,
            ):
                self._own.call(step.__name__, step, result, run)
            run.finish("failed" if result.error else "finished")
            del self._folds[result.key]

    def _run_finished(self, event: RunFinished) -> None:
        if self._has_fitted:  # else these are the seconds of reading what is known
            self._run.log_metrics({"seconds": event.seconds})
        self._close("finished")

    def _run_failed(self, event: RunFailed) -> None:
        error = event.error
        self._run.log_metrics({"seconds": event.seconds})
        self._run.log_text("error.txt", f"{type(error).__name__}: {error}\n")
        # KeyboardInterrupt and SystemExit are no Exception: someone stopped the run
        self._close("failed" if isinstance(error, Exception) else "killed")

    # -- one fold --

    def _tell_scores(self, result: FoldResult, run: SeveralTrackers) -> None:
        if result.error:
            run.log_text("error.txt", result.error + "\n")
        scores = {
            f"{score.part}/{score.metric}": score.value for score in result.scores
        }
        seconds = {f"seconds/{step}": value for step, value in result.seconds.items()}
        run.log_metrics(scores | seconds)
        params = {name: readable(value) for name, value in result.chosen.items()}
        run.log_params(params)
        self._tell_flat(result)

    def _tell_flat(self, result: FoldResult) -> None:
        """Add a point to `<model>/<metric>` where a backend keeps such series."""
        run = self._model_run(result.model).having("keeps_flat_keys")
        if run.trackers:
            tested = [score for score in result.scores if score.part == "test"]
            number = self._places()[result.repeat, result.fold]
            run.log_metrics({score.metric: score.value for score in tested}, number)

    def _tell_convergence(self, result: FoldResult, run: SeveralTrackers) -> None:
        """Send the rows of the trace that were not heard while the fit ran."""
        if result.traces is None:
            return
        last = self._heard.pop(result.key, None)
        traces = result.traces
        rows = traces if last is None else traces[traces["iteration"] > last]
        steps = rows["iteration"].tolist()
        for name in rows.select_dtypes("number").columns.drop("iteration"):
            run.log_series(f"convergence/{name}", rows[name].tolist(), steps)

    def _tell_tuning(self, result: FoldResult, run: SeveralTrackers) -> None:
        if result.trials is None:
            return
        greater = self._greater_is_better
        trials = pictures.with_best(result.trials, greater)
        later = trials[trials["trial"] > self._tried.pop(result.key, -1)]
        for name in ("value", "best_value"):
            points = later[name].tolist(), later["trial"].tolist()
            run.log_series(f"tuning/{name}", *points)
        run.log_table("trials", result.trials)
        space = kept_by(result.trials, self._space(result.model))
        shares = importances_of(frozen_trials(trials, space), space, greater)
        self._shares[result.key] = shares
        run.log_metrics({f"importance/{name}": share for name, share in shares.items()})
        drawn = pictures.tuning_picture(trials, self._title(result))
        run.log_text("tuning.svg", drawn)

    def _tell_findings(self, result: FoldResult, run: SeveralTrackers) -> None:
        if result.warnings:
            columns = ["category", "message"]
            run.log_table("warnings", pd.DataFrame(result.warnings, columns=columns))
        for finding in result.findings:
            name = f"findings/{finding.name}"
            run.log_table(name, _with_index(finding.frame))
            if (draw := drawing_of(finding)) is not None:
                title = f"{finding.name}: {self._title(result)}"
                figures = importlib.import_module("flexcv.tracking.figures")
                picture = figures.finding_figure(finding.frame, draw, title)
                run.log_figure(name, picture)

    def _tell_residuals(self, result: FoldResult, run: SeveralTrackers) -> None:
        if result.test is None or self._start is None:
            return
        dataset, title = self._start.dataset, self._title(result)
        drawn = pictures.predictions_picture(result.test, dataset, title)
        run.log_text(f"{pictures.picture_name(dataset.task)}.svg", drawn)
        self._drawn[result.key] = drawn

    # -- the end --

    def _close(self, status: str) -> None:
        for run in self._folds.values():
            run.finish(status)
        self._folds.clear()
        results = self._in_order()
        if results and not self._was_told:
            self._draw_known(results)
            scores = scores_table(results)
            summary = summary_table(scores)
            self._own.call("summary", self._tell_summary, scores, summary)
            for model in dict.fromkeys(result.model for result in results):
                own = [result for result in results if result.model == model]
                self._own.call(model, self._tell_averages, model, scores, summary)
                self._own.call(model, self._tell_learned, model, own)
                self._own.call(model, self._tell_pictures, model, own)
        for model, run in self._models.items():
            run.finish(_with_failures(status, [r for r in results if r.model == model]))
        self._run.finish(_with_failures(status, results))

    @property
    def _was_told(self) -> bool:
        """Whether every tracker has heard all of it in an earlier run."""
        finished = self._run.having("was_finished").trackers
        is_known = len(self._known) == len(self._results)
        return is_known and len(finished) == len(self._run.trackers)

    def _draw_known(self, results: Sequence[FoldResult]) -> None:
        """Draw for the pages of the whole run what no tracker needs of a fold alone."""
        silent = SeveralTrackers()
        for result in results:
            if result.key in self._known:
                self._own.call("drawing", self._tell_tuning, result, silent)
                self._own.call("drawing", self._tell_residuals, result, silent)

    def _tell_summary(self, scores: pd.DataFrame, summary: pd.DataFrame) -> None:
        assert self._start is not None, "a unit finished before the run started"
        self._run.log_table("summary", summary.reset_index())
        self._run.log_table("scores", scores)
        page = pictures.ResidualPage()
        for result in self._in_order():
            if result.key in self._drawn:
                page.add(result.model, self._drawn[result.key])
        averages = summary.loc[["mean", "std"]]
        name = pictures.picture_name(self._start.dataset.task)
        self._run.log_text(f"{name}.html", page.html("Cross-validation", averages))
        names = [metric.name for metric in self._metrics]
        self._run.log_text("scores.svg", pictures.scores_picture(scores, names))

    def _tell_averages(
        self, model: str, scores: pd.DataFrame, summary: pd.DataFrame
    ) -> None:
        averages = {}
        for part, metric in scores[["part", "metric"]].drop_duplicates().to_numpy():
            row = metric if part == "test" else f"{metric}_train"
            for kind in ("mean", "std"):
                averages[f"{kind}/{part}/{metric}"] = summary[model][kind, row]
        self._models[model].log_metrics(averages)
        # The top run has them too, so that runs can be sorted by them.
        means = {n: v for n, v in averages.items() if n.startswith("mean/test/")}
        self._run.log_metrics({f"{name}/{model}": v for name, v in means.items()})

    def _tell_learned(self, model: str, results: Sequence[FoldResult]) -> None:
        """Send effects, variances and importances with their spread over folds."""
        learned = {name for result in results for name in result.learned}
        for name, found in collect_findings(results).get(model, {}).items():
            if name in learned:
                self._models[model].log_table(name, found.combined)

    def _tell_pictures(self, model: str, results: Sequence[FoldResult]) -> None:
        run = self._models[model]
        traces = _of_one(stacked((result, result.traces) for result in results))
        if len(traces) and pictures.main_columns(traces):
            drawn = pictures.convergence_picture(traces, model)
            run.log_text("convergence.svg", drawn)
        greater = self._greater_is_better
        trials = stacked(
            (result, pictures.with_best(result.trials, greater))
            for result in results
            if result.trials is not None
        )
        if len(trials):
            shares = self._importance_table(model)
            drawn = pictures.tuning_overlay(_of_one(trials), shares, model)
            run.log_text("tuning.svg", drawn)

    def _importance_table(self, model: str) -> pd.DataFrame:
        rows = [
            {"feature": name, "fold": number, "importance": share}
            for number, result in enumerate(self._in_order())
            if result.model == model
            for name, share in self._shares.get(result.key, {}).items()
        ]
        return pd.DataFrame(rows, columns=["feature", "fold", "importance"])

    # -- helpers --

    @property
    def _greater_is_better(self) -> bool:
        found = [part for part in self._records if isinstance(part, TuningSettings)]
        return bool(found and found[0].objective.greater_is_better)

    def _places(self) -> dict[tuple[int, int], int]:
        """Return the number of each fold in the plan, by repeat and fold."""
        folds = () if self._start is None else self._start.plan
        return {(f.repeat, f.index): number for number, f in enumerate(folds)}

    def _in_order(self) -> list[FoldResult]:
        """Return the results fold by fold, and by model as these were added."""
        places, models = self._places(), list(self._models)
        return sorted(
            self._results,
            key=lambda r: (places[r.repeat, r.fold], models.index(r.model)),
        )

    def _space(self, model: str) -> Mapping[str, Any]:
        """Return the distributions of a model; none when a function draws them."""
        specs = () if self._start is None else self._start.specs
        space = next((spec.search_space for spec in specs if spec.name == model), {})
        return space if isinstance(space, Mapping) else {}

    def _model_run(self, model: str) -> SeveralTrackers:
        if model not in self._models:
            tags = {"flexcv.kind": "model", "flexcv.model": model}
            self._models[model] = self._run.child(model, "model", tags)
        return self._models[model]

    def _fold_run(
        self, key: Key, more_tags: Mapping[str, str] | None = None
    ) -> SeveralTrackers:
        if key not in self._folds:
            model, repeat, fold = key
            tags = {
                "flexcv.kind": "fold",
                "flexcv.model": model,
                "flexcv.repeat": str(repeat),
                "flexcv.fold": str(fold),
                TEST_ROWS: self._digests[repeat, fold],
                **(more_tags or {}),
            }
            name = pictures.fold_name(repeat, fold, self._has_repeats)
            self._folds[key] = self._model_run(model).child(name, "fold", tags)
        return self._folds[key]

    @property
    def _has_repeats(self) -> bool:
        return self._start is not None and self._start.plan.n_repeats > 1

    def _title(self, result: FoldResult) -> str:
        fold = pictures.fold_name(result.repeat, result.fold, self._has_repeats)
        return f"{result.model}, {fold}"

    def _warn(self) -> None:
        for guard in self._guards:
            if sentence := guard.report():
                warnings.warn(sentence, TrackingWarning, stacklevel=2)


def _with_failures(status: str, results: Sequence[FoldResult]) -> str:
    """Return the status of a run; one whose children all failed has failed, too."""
    has_failed = bool(results) and all(result.error for result in results)
    return "failed" if status == "finished" and has_failed else status


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """Turn an index with names into columns; a counting one is dropped."""
    if isinstance(frame.index, pd.RangeIndex):
        return frame
    return frame.reset_index()


def _of_one(table: pd.DataFrame) -> pd.DataFrame:
    return table.dropna(axis=1, how="all")
