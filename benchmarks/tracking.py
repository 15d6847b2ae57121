"""What tracking costs: the same run untracked, with the folder, and with MLflow too.

Five folds, two models with fifty trials each, MERF around both with a hundred
iterations. The three ways take turns; the store of MLflow is made before the clock
starts. Run it as ``python benchmarks/tracking.py``; with ``--write`` it also renews
``docs/performance/tracking.md``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from optuna.distributions import FloatDistribution, IntDistribution
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge

from flexcv import CrossValidation
from flexcv.dataset import make_dataset
from flexcv.evaluation import Event, RunStarted, TraceAdvanced
from flexcv.resampling import SplitSettings, make_plan
from flexcv.synthesizer import generate_regression
from flexcv.tracking import open_tracker, read_metrics, recorder
from flexcv.tracking.mlflow import sqlite_uri
from flexcv.tracking.targets import make_recorder

PAGE = Path(__file__).parents[1] / "docs" / "performance" / "tracking.md"
N_TRIALS, N_ITERATIONS = 50, 100
N_TOLD = 5000
ROW = {"gll": 1.5, "sigma2": 0.5, "trace_d": 1.5, "logdet_d": 2.5, "loglik": -3.5}
# seconds on top of 5 % of the untracked run
ALLOWED = {"local": 2.0, "local and MLflow": 10.0}
SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of one run by the clock, and the part of it inside the recorder."""

    wall: float
    processor: float
    inside: float


def chain() -> CrossValidation:
    """Describe the run that every way performs."""
    X, y, group, _ = generate_regression(4, 400, n_groups=20)
    forest = {"n_estimators": 10, "bootstrap": True}
    depth = {
        "max_depth": IntDistribution(2, 8),
        "min_samples_leaf": IntDistribution(1, 9),
    }
    return (
        CrossValidation()
        .set_data(X, y, group)
        .set_splits("KFold", n_splits_out=5, n_splits_in=3)
        .add_model(Ridge, params={"alpha": FloatDistribution(1e-3, 1e3, log=True)})
        .add_model(RandomForestRegressor, params=depth, model_kwargs=forest)
        .set_inner_cv(n_trials=N_TRIALS)
        .set_merf(True, N_ITERATIONS, em_stopping_threshold=0.0)
    )


def measure(way: str, folder: Path, uri: str) -> Cost:
    """Perform the run in one way."""
    settings: dict[str, Any] = {"silence": "groups-ignored"}
    if way != "untracked":
        settings["run"] = folder
    if way == "local and MLflow":
        settings["tracker"] = open_tracker("mlflow", experiment="benchmark", uri=uri)
    cv = chain().set_run(**settings)
    wall, processor = time.perf_counter(), time.process_time()
    with mock.patch.object(recorder, "Recorder", Timed):
        Timed.seconds = 0.0
        cv.perform()
    passed = time.perf_counter() - wall
    return Cost(passed, time.process_time() - processor, Timed.seconds)


class Timed(recorder.Recorder):
    """The recorder, its processor seconds counted."""

    seconds = 0.0

    def __call__(self, event: Event) -> None:
        """Take one event."""
        start = time.process_time()
        super().__call__(event)
        Timed.seconds += time.process_time() - start


def seconds_of_an_iteration(folder: Path) -> float:
    """Time the way of one EM iteration's five numbers into the run folder."""
    data = make_dataset({"a": range(20)}, [float(number) for number in range(20)])
    plan = make_plan(data, SplitSettings(n_splits_out=2), 0, with_inner=False)
    listener = make_recorder(folder, [], metrics=(), information={})
    assert listener is not None, "a folder is always told"
    listener(RunStarted(plan, (), data, 0))
    start = time.process_time()
    for number in range(N_TOLD):
        listener(TraceAdvanced("MERF", 0, 0, number, ROW))
    return (time.process_time() - start) / N_TOLD


def main() -> None:
    """Measure, print the table and, when asked, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    ways = ("untracked", *ALLOWED)
    costs: dict[str, list[Cost]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as base:
        uri = sqlite_uri(Path(base) / "mlflow.db")
        open_tracker("mlflow", experiment="benchmark", uri=uri).finish("finished")
        for number in range(options.repetitions):
            for way in ways:
                folder = Path(base) / f"{way} {number}"
                costs[way].append(measure(way, folder, uri))
        points = sum(
            len(read_metrics(path.parent))
            for path in (Path(base) / "local 0" / "tracking").rglob("metrics.jsonl")
        )
        told = [Path(base) / f"told {number}" for number in range(5)]
        iteration = min(map(seconds_of_an_iteration, told))
    lines = [
        *table(costs, points),
        "",
        f"One EM iteration, five numbers into the folder: {iteration * 1e6:.0f} µs of "
        "processor time.",
    ]
    print("\n".join(lines))
    if options.write:
        PAGE.write_text("\n".join(["# What tracking costs", "", *lines, ""]))


def table(costs: dict[str, list[Cost]], points: int) -> list[str]:
    """Lay out medians beside what is allowed."""
    plain = costs["untracked"]
    base = statistics.median(cost.processor for cost in plain)
    lines = [
        f"5 folds, 2 models and MERF around each, {N_TRIALS} trials, {N_ITERATIONS} "
        f"iterations: {points} numbers told. Medians of {len(plain)} runs each, in "
        "seconds; the store of MLflow existed before. Where other work runs beside it, "
        "the processor's seconds count, not those by the clock. A picture of the "
        "residuals and one of the tuning per fold are among what is kept.",
        "",
        "| way | wall | processor | tracking itself, processor | allowed |",
        "|---|---:|---:|---:|---:|",
    ]
    for way, found in costs.items():
        wall = statistics.median(cost.wall for cost in found)
        processor = statistics.median(cost.processor for cost in found)
        inside = statistics.median(cost.inside for cost in found)
        row = f"| {way} | {wall:.1f} | {processor:.1f} |"
        if way == "untracked":
            lines.append(f"{row} - | - |")
            continue
        allowed = ALLOWED[way] + SHARE * base
        lines.append(f"{row} {inside:.1f} | {allowed:.1f} |")
    return lines


if __name__ == "__main__":
    main()
