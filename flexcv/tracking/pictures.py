"""What the pictures of a run show, and the page of them.

Frames go in and SVG comes out; the page loads nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from flexcv.dataset import Dataset, Task
from flexcv.evaluation.importances import is_complete
from flexcv.metrics.curves import calibration_table, confusion_table, roc_table
from flexcv.records import Predictions
from flexcv.results.scorable import labels_of, truth

from .svg import Curve, Panel, picture

# the first three that a trace has are drawn; trackers get all of them as series
MAIN_COLUMNS = (
    "gll",
    "bound",
    "sigma2",
    "validation_loss",
    "trace_d",
    "loglik",
    "logdet_d",
    "loss",
    "criterion",
)
MOST_PANELS = 3
MOST_METRICS = 3  # panels of scores
STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:2rem;color:#222;background:#fff}"
    "table{border-collapse:collapse}td,th{padding:.2rem .7rem;text-align:right;"
    "border-bottom:1px solid #ddd}svg{max-width:100%;height:auto}h2{margin-top:2rem}"
)


def picture_name(task: Task) -> str:
    """Name the picture of a test part, and the page of all of them.

    Examples
    --------
    >>> picture_name(Task(("no", "yes"))), picture_name(Task())
    ('classes', 'residuals')
    """
    return "classes" if task.is_classification else "residuals"


def predictions_picture(test: Predictions, dataset: Dataset, title: str) -> str:
    """Draw a test part: residuals of numbers; ROC, calibration and more of classes.

    Parameters
    ----------
    test
        Predicted numbers, or classes with probabilities if the model gives any.
    dataset
        The whole table.
    title
        Which model and fold.
    """
    known, task = truth(test, dataset.target), dataset.task
    if not task.is_classification:
        return residuals_picture(known, test.predicted, title)
    table, nothing = test.probabilities, pd.DataFrame()
    return classes_picture(
        nothing if table is None else roc_table(known, table, task.classes),
        nothing if table is None else calibration_table(known, table, task.classes),
        confusion_table(known, labels_of(test, task), task.classes),
        title,
    )


def residuals_picture(
    truth: npt.NDArray[Any], predicted: npt.NDArray[Any], title: str
) -> str:
    """Draw predicted over true values, and residuals over predicted values.

    Parameters
    ----------
    truth, predicted
        Of the test part of one model and fold, shape (n_test,).
    title
        Which model and fold.
    """
    pairs = Curve(truth, predicted)
    residuals = Curve(predicted, np.asarray(truth, dtype=float) - predicted)
    return picture(
        title,
        [
            Panel("actual", "predicted", (pairs,), rule="identity"),
            Panel("predicted", "actual - predicted", (residuals,), rule="zero"),
        ],
    )


def classes_picture(
    roc: pd.DataFrame, calibration: pd.DataFrame, confusion: pd.DataFrame, title: str
) -> str:
    """Draw what there is of ROC and calibration, and how often each class is found.

    Parameters
    ----------
    roc, calibration, confusion
        As `flexcv.metrics.curves` gives them; empty ones are left out.
    title
        Which model and fold.
    """
    panels = []
    if len(roc):
        shares = ("false_positive_rate", "true_positive_rate")
        panels.append(_class_panel(roc, *shares))
    if len(calibration):
        panels.append(_class_panel(calibration, "predicted", "observed"))
    right = confusion[confusion["actual"].eq(confusion["predicted"])]
    names = tuple(right["actual"])
    found = Curve(right["share"], np.arange(len(right)))
    panels.append(Panel("share of the class that is found", "", (found,), rows=names))
    return picture(title, panels)


def tuning_picture(trials: pd.DataFrame, title: str) -> str:
    """Draw the history of the tuning on one fold.

    Parameters
    ----------
    trials
        Columns trial, value and best_value.
    title
        Which model and fold.
    """
    curves = (
        Curve(trials["trial"], trials["value"], label="trial"),
        Curve(trials["trial"], trials["best_value"], "steps", 1, "best so far"),
    )
    return picture(title, [_tuning_panel(curves)])


def tuning_overlay(trials: pd.DataFrame, importances: pd.DataFrame, title: str) -> str:
    """Draw the histories of all folds of one model, and which parameters mattered.

    Parameters
    ----------
    trials
        Columns repeat, fold, trial, value and best_value.
    importances
        Columns feature, fold and importance; may be empty.
    title
        Which model.
    """
    curves = []
    for number, (name, part) in enumerate(_by_fold(trials)):
        curves.append(Curve(part["trial"], part["value"], colour=number))
        best = part["best_value"]
        curves.append(Curve(part["trial"], best, "steps", number, name))
    panels = [_tuning_panel(tuple(curves))]
    if len(importances):
        names = tuple(dict.fromkeys(importances["feature"]))
        places = importances["feature"].map(names.index)
        shares = Curve(importances["importance"], places)
        label = "importance for the objective (PED-ANOVA)"
        panels.append(Panel(label, "", (shares,), rows=names))
    return picture(title, panels)


def convergence_picture(traces: pd.DataFrame, title: str) -> str:
    """Draw the traces of all folds of one model: a panel per column, a line per fold.

    Parameters
    ----------
    traces
        One row per iteration: repeat, fold, iteration and the columns.
    title
        Which model.
    """
    parts = list(_by_fold(traces))
    panels = [
        Panel(
            "iteration",
            key,
            tuple(
                Curve(part["iteration"], part[key], "line", number, name)
                for number, (name, part) in enumerate(parts)
            ),
        )
        for key in main_columns(traces)
    ]
    return picture(title, panels)


def scores_picture(scores: pd.DataFrame, metrics: Sequence[str]) -> str:
    """Draw the test score of each fold: a panel per metric, a row per model.

    Parameters
    ----------
    scores
        As in `results.scores`.
    metrics
        Names of metrics; the first three are drawn.
    """
    models = tuple(dict.fromkeys(scores["model"]))
    tested = scores[scores["part"].eq("test")]
    panels = []
    for metric in metrics[:MOST_METRICS]:
        part = tested[tested["metric"].eq(metric)]
        points = Curve(part["value"], part["model"].map(models.index))
        panels.append(Panel(metric, "", (points,), rows=models))
    return picture("test scores, a point per fold", panels)


def with_best(trials: pd.DataFrame, greater_is_better: bool) -> pd.DataFrame:
    """Add the best value up to each trial; failed and pruned ones change nothing.

    Examples
    --------
    >>> trials = pd.DataFrame({"value": [3.0, float("nan"), 2.0, 4.0]})
    >>> with_best(trials, greater_is_better=False)["best_value"].tolist()
    [3.0, 3.0, 2.0, 2.0]
    """
    values = trials["value"].astype(float).where(is_complete(trials))
    best = values.cummax() if greater_is_better else values.cummin()
    return trials.assign(best_value=best.ffill())


def main_columns(traces: pd.DataFrame) -> list[str]:
    """Choose the columns of a trace worth a panel: the known ones, else the first.

    Examples
    --------
    >>> main_columns(pd.DataFrame({"fold": [0], "iteration": [0], "loss": [0.3]}))
    ['loss']
    """
    address = ("model", "repeat", "fold", "iteration")
    numeric = traces.select_dtypes("number").dropna(axis=1, how="all")
    names = [str(name) for name in numeric if name not in address]
    known = [name for name in MAIN_COLUMNS if name in names]
    moving = [name for name in known if numeric[name].min() < numeric[name].max()]
    return (moving or known or names)[:MOST_PANELS]


def fold_name(repeat: int, fold: int, several_repeats: bool) -> str:
    """Name a fold.

    Examples
    --------
    >>> fold_name(1, 0, several_repeats=True), fold_name(0, 3, several_repeats=False)
    ('repeat 1, fold 0', 'fold 3')
    """
    return f"repeat {repeat}, fold {fold}" if several_repeats else f"fold {fold}"


@dataclass(slots=True)
class ResidualPage:
    """Collect pictures, then give the page.

    Examples
    --------
    >>> page = ResidualPage()
    >>> page.add("Ridge", "<svg></svg>")
    >>> "<h2>Ridge</h2>" in page.html("Radon", None)
    True
    """

    pictures: dict[str, list[str]] = field(default_factory=dict)

    def add(self, model: str, svg: str) -> None:
        """Keep the picture of one model on one fold; its title says which."""
        self.pictures.setdefault(model, []).append(svg)

    def html(self, title: str, summary: pd.DataFrame | None) -> str:
        """Return the page: the summary first, then the models one after another."""
        parts = [
            "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
            f"<h1>{escape(title)}</h1>",
        ]
        if summary is not None:
            parts.append(summary.to_html(float_format="{:.4g}".format, border=0))
        for model, pictures in self.pictures.items():
            parts += [f"<h2>{escape(model)}</h2>", *pictures]
        return "\n".join([*parts, "</body></html>\n"])


def _class_panel(table: pd.DataFrame, x: str, y: str) -> Panel:
    """Draw one line per class, with a name where there are several."""
    parts = list(table.groupby("class", sort=False))
    several = len(parts) > 1
    curves = tuple(
        Curve(part[x], part[y], "line", number, str(name) if several else "")
        for number, (name, part) in enumerate(parts)
    )
    x_label, y_label = (label.replace("_", " ") for label in (x, y))
    return Panel(x_label, y_label, curves, rule="identity")


def _tuning_panel(curves: tuple[Curve, ...]) -> Panel:
    return Panel("trial", "inner objective", curves)


def _by_fold(frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    several = len(frame["repeat"].unique()) > 1
    parts = (part for _, part in frame.groupby(["repeat", "fold"], sort=False))
    return [
        (fold_name(part["repeat"].iloc[0], part["fold"].iloc[0], several), part)
        for part in parts
    ]
