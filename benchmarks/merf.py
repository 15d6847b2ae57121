"""How fast MERF is, beside the `merf` package 1.0, in one run on one thread.

Run ``OMP_NUM_THREADS=1 python benchmarks/merf.py [sections]``; each section named (all
by default) is printed and written to docs/performance/merf.md.
"""

from __future__ import annotations

import logging
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression

HERE = str(Path(__file__).parent)
# This file is called like the package it measures: the package comes first.
sys.path[:] = [path for path in sys.path if path != HERE]
import merf as package

sys.path.append(HERE)
from _merf_page import table, write_section

from flexcv.merf import MERF
from flexcv.models.design._effects import Columns
from flexcv.models.design.columns import learn_random
from flexcv.models.design.terms import RandomTerm
from flexcv.models.gaussian.residual_effects import (
    RandomColumns,
    distinct_columns,
    em_moved,
    maximised,
    starting_effects,
)

STEPS = ((10_000, 100, 600), (100_000, 1_000, None), (100_000, 10_000, 1_000))
LONG_GROUPS = (100_000, 100, 10_000)
FEW_ROWS = 10_000  # up to here the package is timed five times
FITS = ((2_000, 100), (10_000, 500), (50_000, 2_000))
WALL = time.perf_counter  # the trace is in wall time
SHARES = (0.5, 0.2, 0.1, 0.05, 0.02)


class Silent(RegressorMixin, BaseEstimator):
    """A learner that costs nothing."""

    def fit(self, _X: Any, _y: Any) -> Silent:
        """Learn nothing."""
        return self

    def predict(self, X: Any) -> Any:
        """Predict zero."""
        return np.zeros(len(X))


def drawn(
    n_rows: int, n_groups: int, share: float = 0.5, seed: int = 0
) -> tuple[pd.DataFrame, Any]:
    """Draw a linear table with random intercepts and slopes of `x0`."""
    rng = np.random.default_rng(seed)
    group = np.arange(n_rows) % n_groups
    X = rng.normal(size=(n_rows, 5))
    b = np.sqrt(share / (1 - share)) * rng.normal(size=(n_groups, 2))
    y = X @ np.arange(1.0, 6.0) + b[group, 0] + X[:, 0] * b[group, 1]
    names = [f"x{k}" for k in range(5)]
    frame = pd.DataFrame(X, columns=names).assign(group=group)
    return frame, y + rng.normal(size=n_rows)


def random_columns(frame: pd.DataFrame) -> RandomColumns:
    """Return the random design of a table."""
    source = Columns(frame)
    terms = (RandomTerm("group", ("x0",)),)
    return distinct_columns(learn_random(source, terms)[1], source.ones)


def seconds(
    call: Callable[[], object],
    repeats: int = 5,
    clock: Callable[[], float] = time.process_time,
) -> float:
    """Return the median time of a call; processor time is not disturbed by others."""
    times = []
    for _ in range(repeats):
        began = clock()
        call()
        times.append(clock() - began)
    return float(np.median(times))


def package_step(frame: pd.DataFrame, y: Any) -> float:
    """Time one iteration of the package around a learner that costs nothing."""
    Z = np.column_stack([np.ones(len(frame)), frame["x0"]])
    X = frame.drop(columns="group").to_numpy()

    def fit(iterations: int) -> None:
        model = package.MERF(Silent(), max_iterations=iterations)
        model.fit(X, Z, frame["group"], y)

    repeats = 5 if len(frame) <= FEW_ROWS else 1
    return seconds(lambda: fit(1), repeats) - seconds(lambda: fit(0), repeats)


def own_step(
    frame: pd.DataFrame, y: Any, solve: Callable[..., Any]
) -> tuple[float, float]:
    """Time one round without the learner, and give sigma^2 of the first."""
    random = random_columns(frame)
    start = starting_effects(random)
    state = solve(random, y, start)

    def step() -> None:
        random.design.effects_sum(state.effects)
        solve(random, y, start if solve is em_moved else state)

    return seconds(step, 21), state.sigma2


def step() -> str:
    """Compare the time of the random part in one iteration."""
    lines = []
    for n_rows, n_groups, asked in (*STEPS, LONG_GROUPS):
        frame, y = drawn(n_rows, n_groups)
        theirs = package_step(frame, y)
        em, _ = own_step(frame, y, em_moved)
        profile, _ = own_step(frame, y, maximised)
        lines.append(
            (
                f"{n_rows:,}",
                f"{n_groups:,}",
                f"{theirs:.2f} s",
                f"{1e3 * em:.2f} ms",
                f"{theirs / em:,.0f}",
                "" if asked is None else f"{asked:,}",
                f"{1e3 * profile:.2f} ms",
                f"{theirs / profile:,.0f}",
            )
        )
        print(lines[-1], flush=True)
    head = (
        "rows",
        "groups",
        "`merf` 1.0",
        "EM step here",
        "ratio",
        "asked for",
        "exact maximum here",
        "ratio",
    )
    return f"""## The random part of one iteration

Random intercept and slope, learner left out. The exact maximum is `solver="profile"`,
from a warm start.

{table(head, lines)}
"""


def fit() -> str:
    """Compare whole fits with the same forest and number of iterations."""
    lines = []
    for n_rows, n_groups in FITS:
        frame, y = drawn(n_rows, n_groups)
        X = frame.drop(columns="group").to_numpy()
        Z = np.column_stack([np.ones(len(frame)), frame["x0"]])
        forest = RandomForestRegressor(50, min_samples_leaf=5, random_state=0)
        other = package.MERF(forest, max_iterations=3)
        theirs = seconds(lambda: other.fit(X, Z, frame["group"], y), 1, WALL)  # noqa: B023
        model = MERF(forest, "group", "x0", max_iterations=3, tol=None)
        model.set_params(fit_prediction="in_sample")
        ours = seconds(lambda: model.fit(frame, y), 1, WALL)  # noqa: B023
        learner = float(model.trace_["learner_seconds"].sum())
        honest = MERF(forest, "group", "x0", max_iterations=3, tol=None)
        oob = seconds(lambda: honest.fit(frame, y), 1, WALL)  # noqa: B023
        oob_learner = float(honest.trace_["learner_seconds"].sum())
        lines.append(
            (
                f"{n_rows:,}",
                f"{n_groups:,}",
                f"{theirs:.1f} s",
                f"{ours:.1f} s",
                f"{100 * learner / ours:.1f} %",
                f"{oob:.1f} s",
                f"{100 * oob_learner / oob:.1f} %",
            )
        )
        print(lines[-1], flush=True)
    head = (
        "rows",
        "groups",
        "`merf` 1.0",
        "here, in-sample",
        "of it the learner",
        "here, out-of-bag",
        "of it the learner",
    )
    return f"""## A whole fit

The same forest of 50 trees, three iterations, random intercept and slope. At least
95 % of the time shall be the learner's own fit and predict.

{table(head, lines)}
"""


def refits() -> str:
    """Count refits until the group variance is near where it ends."""
    lines = []
    for share in SHARES:
        frame, y = drawn(5_000, 250, share)
        settings = {"fit_prediction": "in_sample", "tol": None}
        learner = LinearRegression()
        long = MERF(learner, "group", "x0", max_iterations=60, **settings)
        ends = _components(long.fit(frame, y)).iloc[-1]
        counts = []
        for solver, n in (("em", 3_000), ("profile", 60)):
            model = MERF(learner, "group", "x0", solver=solver, max_iterations=n)
            found = _components(model.set_params(**settings).fit(frame, y))
            far = (found / ends - 1.0).abs().max(axis=1).to_numpy()
            counts += [_first(far, bound) for bound in (0.01, 0.001)]
        lines.append((f"{share:g}", *counts))
        print(lines[-1], flush=True)
    head = (
        "share of a group variance",
        "`em` to 1 %",
        "`em` to 0.1 %",
        "`profile` to 1 %",
        "`profile` to 0.1 %",
    )
    return f"""## Refits of the learner

Least squares, 5 000 rows, 250 groups, random intercept and slope of equal variance:
refits until sigma^2 and both variances are within 1 % and 0.1 % of where a long run
ends.

{table(head, lines)}
"""


def memory() -> str:
    """Show that memory grows with the rows and with nothing else."""
    lines = []
    for n_rows, n_groups in ((10**5, 100), (10**6, 1_000), (10**6, 100_000)):
        frame, y = drawn(n_rows, n_groups)
        tracemalloc.start()
        model = MERF(Silent(), "group", "x0", max_iterations=2, tol=None)
        model.set_params(fit_prediction="in_sample").fit(frame, y)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        lines.append(
            (
                f"{n_rows:,}",
                f"{n_groups:,}",
                f"{peak / 2**20:.0f}",
                f"{peak / n_rows:.0f}",
            )
        )
        print(lines[-1], flush=True)
    head = ("rows", "groups", "peak, MiB", "bytes per row")
    return f"""## Memory

Peak of a fit around a learner that costs nothing; the table itself is not counted.

{table(head, lines)}
"""


def _components(model: MERF) -> pd.DataFrame:
    return model.trace_[["sigma2", "group.Intercept", "group.x0"]]


def _first(far: Any, bound: float) -> str:
    near = far < bound
    return str(int(near.argmax()) + 1) if near.any() else f"more than {len(far):,}"


SECTIONS: dict[str, Callable[[], str]] = {
    "refits": refits,
    "memory": memory,
    "fit": fit,
    "step": step,
}


def main(names: list[str]) -> None:
    """Run the sections named, all by default."""
    logging.getLogger("merf").setLevel(logging.ERROR)
    for name in names or SECTIONS:
        text = SECTIONS[name]()
        write_section(name, text)
        print(text, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
