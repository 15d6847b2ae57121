"""One self-contained HTML page about a run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flexcv import plots
from flexcv.dataset import Task
from flexcv.errors import StorageError

from . import page
from .asked import RunResults
from .class_tables import calibration_of, confusion_of, roc_of
from .first_look import FirstLook
from .known_groups import groups_treated
from .pictures import Pictures

MOST_POINTS = 1000  # rows of a model that a picture shows
MOST_WARNINGS = 30  # different ones that are listed
MOST_KEYS = 4  # curves of a trace that are drawn
CHANCES = ("p_value", "p_better", "p_equal", "p_worse")
MAIN_KEYS = ("loglik", "validation_loss", "sigma2", "loss")


def write_report(
    results: RunResults,
    path: str | os.PathLike[str] | None = None,
    *,
    title: str = "",
    metric: Any = None,
) -> str:
    """Return the page, and write it when there is a path.

    Parameters
    ----------
    results
        The run.
    path
        The file; None only gives the text.
    title
        The headline.
    metric
        What models are compared by; None takes the run's first.
    """
    text = _Report(results, metric).html(title)
    if path is not None:
        try:
            Path(path).write_text(text, encoding="utf-8")
        except OSError as error:
            raise StorageError(
                f"{str(path)!r} cannot be written: {error.strerror}; choose another "
                "file."
            ) from error
    return Page(text)


class Page(str):
    """The text of a page, which a notebook does not echo in full.

    Examples
    --------
    >>> Page("<html></html>")
    <page of 13 characters>
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<page of {len(self)} characters>"


class _Report:
    """The sections of one page."""

    def __init__(self, results: RunResults, metric: Any) -> None:
        self._results = results
        self._look = FirstLook(results, metric)
        self._metric, self._intervals = self._look.metric, self._look.intervals
        self._scored = results.scores_of(self._metric)["value"].notna().any()
        can_compare = self._scored and len(results) > 1
        self._pairs = (
            results.compare(self._metric)
            if can_compare and self._metric.greater_is_better is not None
            else None
        )
        self._plot = Pictures(results)

    def html(self, title: str) -> str:
        facts = self._results.facts
        name = facts.get("name") or facts.get("target")
        headline = title or f"Cross-validation of {name}"
        sections = [
            ("Answer", self._answer()),
            ("Scores", self._scores()),
            ("Comparison", self._comparison()),
            ("Plan", self._plan()),
            ("Data", self._data()),
            ("Predictions", self._predictions()),
            ("Tuning and convergence", self._fitting()),
            ("Findings", self._findings()),
            ("Warnings", self._warnings()),
            ("Run", self._run()),
        ]
        return page.page(headline, self._question(), sections)

    def _question(self) -> str:
        return self._look.question

    def _answer(self) -> str:
        best, parts = self._look.best, []
        told = (self._look.partial, self._look.failed)
        parts += [page.note(said, "warning") for said in told if said is not None]
        if best is None or self._look.answer is None:
            return "".join(parts)
        parts.append(page.note(self._look.answer, "answer"))
        pairs = self._pairs
        if pairs is not None:
            with_best = pairs["model_a"].eq(best) | pairs["model_b"].eq(best)
            parts += [page.note(text, "") for text in pairs.loc[with_best, "sentence"]]
        return "".join(parts)

    def _scores(self) -> str:
        results = self._results
        table = self._look.scores()
        intervals = self._intervals.loc[table["model"]]
        seconds = results.seconds.drop(columns=["repeat", "fold"]).groupby("model")
        total = seconds.mean().sum(axis=1)
        table["seconds per fold"] = total[table["model"]].to_numpy()
        text = (
            "Mean ± standard deviation over folds of the test part. The interval is "
            f"that of {self._metric.name} pooled over folds, by {_methods(intervals)}."
        )
        drawn = [(f"{self._metric.name} of each fold", self._plot.scores(self._metric))]
        shown = page.pictures(drawn) if self._scored else ""
        shown += self._known_groups() + self._known_rows()
        return page.table(table) + page.note(text) + shown

    def _known_groups(self) -> str:
        rows = self._results.predictions
        test = rows[rows["part"].eq("test")]
        if test.empty or test["known_group"].isna().all():
            return ""
        frame = self._results.by_known_group().reset_index()
        text = (
            "Rows whose group was in the training part, and rows of new groups: means "
            "over folds."
        )
        return page.folded("Known and new groups", page.note(text) + page.table(frame))

    def _known_rows(self) -> str:
        if all(fold.known is None for fold in self._results.folds):
            return ""
        curve = self._results.by_known_rows(self._metric)
        text = (
            f"{self._metric.name} of new groups once so many of their rows are known, "
            "on the rows beyond the largest number; intervals from resampled groups. "
            "Models without random effects take no notice of known rows."
        )
        drawn = page.pictures([("By known rows", self._plot.known_rows(self._metric))])
        content = page.note(text) + drawn + page.table(curve)
        return page.folded("New groups of whom rows are known", content, is_open=True)

    def _comparison(self) -> str:
        pairs = self._pairs
        if pairs is None:
            return ""
        columns = {
            "model_a": "A",
            "model_b": "B",
            "difference": "A minus B",
            "lower": "lower",
            "upper": "upper",
            "p_value": "p, corrected t",
            "p_better": "P(A better)",
            "p_equal": "P(equal)",
            "p_worse": "P(B better)",
        }
        text = (
            f"Differences in {self._metric.name}, with 95 % intervals by "
            f"{_methods(pairs)}. The probabilities come from a Bayesian "
            "correlated t-test over folds; equal means closer than "
            f"{page.number(float(pairs['rope'].mean()))} on average (the grey band)."
        )
        drawn = [("Differences of pairs", plots.plot_comparison(pairs))]
        sentences = "".join(f"<li>{escape(text)}</li>" for text in pairs["sentence"])
        shown = pairs[list(columns)].astype(dict.fromkeys(CHANCES, object))
        for name in CHANCES:
            shown[name] = [page.chance(value) for value in pairs[name]]
        return (
            page.table(shown.rename(columns=columns))
            + page.note(text)
            + page.pictures(drawn)
            + page.folded("In words", f"<ul>{sentences}</ul>")
        )

    def _plan(self) -> str:
        results = self._results
        rows = results.predictions
        sizes = rows.groupby(["model", "repeat", "fold", "part"], observed=True).size()
        about = {"split": results.information.get("splits")}
        about["folds"] = len({(fold.repeat, fold.fold) for fold in results.folds})
        about["repeats"] = results.n_repeats
        for part in ("train", "test"):
            if len(sizes) and part in sizes.index.get_level_values("part"):
                mean = float(sizes.xs(part, level="part").mean())
                about[f"{part} rows per fold"] = round(mean, 1)
        treated = groups_treated(results.information)
        return page.facts(about) + f"<p>{escape(treated)}</p>"

    def _data(self) -> str:
        facts = self._results.facts
        n_groups = facts.get("n_groups")
        about = {
            "name": facts.get("name"),
            "rows": facts.get("n_rows"),
            "target": facts.get("target"),
            **_target_facts(facts),
            "positive class": facts.get("positive"),
            "weights in": ", ".join(facts.get("weights_in", [])),
            "groups": ", ".join(facts.get("groups", [])),
            "number of groups": n_groups,
            "rows per group": None
            if n_groups is None
            else f"{facts['smallest_group']} to {facts['largest_group']}, median "
            f"{page.number(facts['median_group'])}",
            "random slopes": ", ".join(facts.get("slopes", [])),
            "columns for the splits only": ", ".join(facts.get("extra", [])),
        }
        names = facts.get("features", [])
        text = f"{len(names)} feature(s): {', '.join(names[:40])}"
        return page.facts(about) + page.note(text + (" …" if len(names) > 40 else ""))

    def _predictions(self) -> str:
        rows = self._results.predictions
        parts = []
        for model in self._results:
            own = rows[rows["model"].eq(model) & rows["part"].eq("test")]
            if own.empty:
                continue
            drawn = _classes_drawn if self._results.task.classes else _rows_drawn
            content = page.pictures(drawn(own, self._results.task))
            parts.append(page.folded(model, content, is_open=model == self._look.best))
        note = "Test rows of all folds."
        is_thinned = len(rows) and self._results.facts["n_rows"] > MOST_POINTS
        if is_thinned and not self._results.task.classes:
            note += f" Pictures of rows show {MOST_POINTS} of them, evenly chosen."
        return page.note(note) + "".join(parts) if parts else ""

    def _fitting(self) -> str:
        results = self._results
        figures = [
            (f"Tuning of {model}", self._plot.tuning(model))
            for model in dict.fromkeys(results.trials["model"])
        ]
        for model in dict.fromkeys(results.traces["model"]):
            figures += self._curves(model)
        shown = page.pictures(figures)
        if not results.params.empty:
            chosen = page.table(results.params)
            shown += page.folded("Parameters that tuning chose", chosen)
        return shown

    def _curves(self, model: str) -> list[tuple[str, Any]]:
        known = self._plot.curves(model)
        keys = [key for key in MAIN_KEYS if key in known] or known
        return [
            (f"{model}: {key}", self._plot.traces(key, model))
            for key in keys[:MOST_KEYS]
        ]

    def _findings(self) -> str:
        parts = []
        for model, found in self._results.findings.items():
            figures = [
                (_caption(name, finding), finding.plot())
                for name, finding in found.items()
                if finding.can_be_drawn
            ]
            tables = "".join(
                f"<h3>{escape(name)}</h3>{page.table(finding.combined)}"
                for name, finding in found.items()
                if not finding.can_be_drawn
            )
            parts.append(page.folded(model, page.pictures(figures) + tables))
        return "".join(parts)

    def _warnings(self) -> str:
        warnings = self._results.warnings
        if warnings.empty:
            return "<p>None: no model failed or warned.</p>"
        columns = ["model", "category", "message"]
        counted = warnings.groupby(columns, sort=False).size().reset_index(name="folds")
        counted = counted[["model", "folds", "category", "message"]]
        shown = page.table(counted.head(MOST_WARNINGS))
        rest = len(counted) - MOST_WARNINGS
        more = page.note(f"and {rest} more in `results.warnings`") if rest > 0 else ""
        return f'<div class="wide">{shown}</div>{more}'

    def _run(self) -> str:
        information = dict(self._results.information)
        versions = information.get("versions", {})
        about = {
            "seed": information.get("random_seed"),
            "plan": information.get("plan"),
            "Python": information.get("python"),
            **versions,
        }
        return page.facts(about)


def _target_facts(facts: Mapping[str, Any]) -> dict[str, str]:
    if "classes" in facts:
        counted = (f"{label}: {n}" for label, n in facts["classes"].items())
        return {"rows of each class": ", ".join(counted)}
    return {
        "target, mean ± sd": f"{page.number(facts.get('target_mean'))} ± "
        f"{page.number(facts.get('target_std'))}",
        "target, range": f"{page.number(facts.get('target_min'))} to "
        f"{page.number(facts.get('target_max'))}",
    }


def _classes_drawn(own: pd.DataFrame, task: Task) -> Iterator[tuple[str, Any]]:
    own = own.astype({"model": str, "part": str})
    if own[list(task.columns)].notna().all(axis=None):
        if len(own["y_true"].unique()) > 1:
            yield "ROC", plots.plot_roc(roc_of(own, task, None, "test"))
        bins = calibration_of(own, task, None, "test")
        yield "Calibration", plots.plot_calibration(bins)
    counts = confusion_of(own, task, None, "test")
    yield "Confusion", plots.plot_confusion(counts)


def _rows_drawn(own: pd.DataFrame, _task: Task) -> Iterator[tuple[str, Any]]:
    own = own.assign(model=own["model"].astype(str), part=own["part"].astype(str))
    places = np.linspace(0, len(own) - 1, min(len(own), MOST_POINTS)).round()
    few = own.iloc[np.unique(places.astype(int))]
    yield "Predicted over actual", plots.plot_predicted_against_actual(few)
    yield "Residuals over predicted", plots.plot_residuals_against_fitted(few)
    yield "Quantiles of residuals", plots.plot_qq(few)
    if own["group"].notna().all():
        drawn = plots.plot_residuals_by_group(own, max_groups=20)
        yield "Residuals by group", drawn


def _methods(frame: pd.DataFrame) -> str:
    return " or ".join(dict.fromkeys(frame["method"])) or "no method"


def _caption(name: str, finding: Any) -> str:
    drawn = set(finding[0].frame)
    over = "all folds" if {"feature", "importance"} <= drawn else "first fold"
    return f"{name.replace('_', ' ')}, {over}"
