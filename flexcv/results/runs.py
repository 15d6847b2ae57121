"""Two runs on the same rows beside each other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pandas as pd

from flexcv._checks import check_text
from flexcv.errors import PlanError
from flexcv.metrics.choice import is_greater_better
from flexcv.metrics.metric import MetricChoice

from .comparison import pairwise_comparison
from .displays import SentenceFrame
from .plans import PlansCompared
from .results import CrossValidationResults
from .scorable import metric_meant, scorable_by

Run: TypeAlias = str | os.PathLike[str] | CrossValidationResults
ROW = ["repeat", "fold", "row"]


def compare_runs(
    run_a: Run,
    run_b: Run,
    metric: MetricChoice | None = None,
    *,
    names: tuple[str, str] | None = None,
    rope: float | None = None,
    level: float = 0.95,
    n_bootstrap: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare each model of one run with each of another, row by row.

    Both runs predicted the same rows, so their errors are paired: two intervals that
    overlap do not tell whether a change helped, a comparison of pairs does.

    Parameters
    ----------
    run_a, run_b
        Folders of runs, or their results.
    metric
        As in `CrossValidationResults.compare`; one that a run did not score is computed
        from its predictions.
    names
        What the runs are called, in front of the names of their models; by default
        those of the folders, or ``"a"`` and ``"b"``.
    rope, level, n_bootstrap, seed
        As in `flexcv.results.comparison.pairwise_comparison`, which also tells the
        columns.

    Returns
    -------
    A row for each model of `run_a` with each model of `run_b`.

    Raises
    ------
    PlanError
        When the runs are of other rows, another target or other splits.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from flexcv import CrossValidation
    >>> from flexcv.datasets import load_radon
    >>> radon = load_radon().drop(columns="basement")
    >>> def run(table):
    ...     cv = (
    ...         CrossValidation()
    ...         .set_data(table, "log_radon", "county")
    ...         .add_model(Ridge)
    ...     )
    ...     return (
    ...         cv.set_splits("GroupKFold").set_run(silence="groups-unused").perform()
    ...     )
    >>> before = run(radon.drop(columns="log_uranium")).results
    >>> pairs = compare_runs(before, run(radon).results, "mae", names=("floor", "both"))
    >>> pairs[["model_a", "model_b", "difference"]].round(3)
            model_a      model_b  difference
    0  floor: Ridge  both: Ridge       0.048
    """
    runs = [_loaded(run) for run in (run_a, run_b)]
    called = _names(run_a, run_b) if names is None else names
    for name in called:
        check_text("names", name)
    _require_same_rows(runs[0], runs[1], called)
    first = runs[0]
    chosen = metric_meant(metric, first.metrics, first.task)
    scores = [
        _renamed(run.scores, name) for run, name in zip(runs, called, strict=True)
    ]
    if not all((frame["metric"] == chosen.name).any() for frame in scores):
        scores = [frame[frame["metric"] != chosen.name] for frame in scores]
    predictions = pd.concat(
        [_renamed(run.predictions, n) for run, n in zip(runs, called, strict=True)],
        ignore_index=True,
    )
    predictions, function = scorable_by(chosen, predictions, first.task)
    pairs = pairwise_comparison(
        pd.concat(scores, ignore_index=True),
        predictions,
        chosen.name,
        greater_is_better=is_greater_better(chosen, None),
        function=function,
        is_partial=any(run.is_partial for run in runs),
        rope=rope,
        level=level,
        n_bootstrap=n_bootstrap,
        seed=seed,
    )
    of_a = pairs["model_a"].isin(_called(runs[0], called[0]))
    of_b = pairs["model_b"].isin(_called(runs[1], called[1]))
    return SentenceFrame(pairs[of_a & of_b].reset_index(drop=True))


def _loaded(run: Run) -> CrossValidationResults:
    found: object = run
    if isinstance(run, str | os.PathLike):
        found = CrossValidationResults.load(run)
    if isinstance(found, PlansCompared):
        raise PlanError(
            "a run to compare must have one plan, got one of several: "
            f"{', '.join(found)}; pass the folder of a plan, or results[name]."
        )
    if not isinstance(found, CrossValidationResults):
        raise TypeError(
            f"a run must be its folder or its results, got {type(found).__name__}."
        )
    return found


def _names(*runs: Run) -> tuple[str, str]:
    shown = [
        Path(run).resolve().name if isinstance(run, str | os.PathLike) else letter
        for run, letter in zip(runs, "ab", strict=True)
    ]
    first, second = shown if shown[0] != shown[1] else "ab"
    return first, second


def _called(run: CrossValidationResults, name: str) -> list[str]:
    return [f"{name}: {model}" for model in run.models]


def _renamed(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    models = frame["model"].astype(str)
    return frame.assign(model=f"{name}: " + models)


def _require_same_rows(
    a: CrossValidationResults, b: CrossValidationResults, names: tuple[str, str]
) -> None:
    """Refuse runs whose rows cannot be paired, and say why."""
    said = f"{names[0]!r} and {names[1]!r} cannot be compared row by row: "
    if a.task != b.task:
        raise PlanError(
            f"{said}one predicts {a.task.kind} and the other {b.task.kind}, or other "
            "classes; compare runs with one target."
        )
    tested = [_tested(run) for run in (a, b)]
    if len(tested[0]) != len(tested[1]) or not tested[0].index.equals(tested[1].index):
        raise PlanError(
            f"{said}their folds test other rows; run both with the same split, seed "
            "and rows in the same order."
        )
    if not np.array_equal(tested[0].to_numpy(), tested[1].to_numpy()):
        raise PlanError(
            f"{said}the target of the same row differs; compare runs on one table."
        )


def _tested(run: CrossValidationResults) -> pd.Series:
    """Return the true value of each tested row, by repeat, fold and row."""
    rows = run.predictions[run.predictions["part"] == "test"]
    return rows.drop_duplicates(ROW).set_index(ROW)["y_true"].sort_index()
