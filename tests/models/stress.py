"""Badly scaled mixed-model fits, half of them singular, for tests and benchmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from flexcv.models.design._effects import Columns
from flexcv.models.design.columns import learn_fixed, learn_random
from flexcv.models.design.terms import RandomTerm
from flexcv.models.gaussian.engine import Estimate, estimate
from flexcv.models.gaussian.optimize import minimise
from flexcv.models.gaussian.rows import sums_and_basis

N_STARTS = 10


@dataclass(frozen=True, slots=True)
class StressResult:
    """One fit beside the best criterion known for it."""

    seed: int
    effects: int
    excess: float
    converged: bool
    singular: bool


def stress_table(seed: int) -> tuple[pd.DataFrame, pd.Series, tuple[str, ...]]:
    """Draw a table with two or three random effects on scales far apart."""
    rng = np.random.default_rng(seed)
    effects = 2 + seed % 2
    n_groups, per_group = int(rng.integers(8, 40)), int(rng.integers(3, 12))
    group = np.repeat(np.arange(n_groups), per_group)
    names = tuple(f"x{k}" for k in range(1, effects))
    scales = 10.0 ** rng.uniform(-4, 4, len(names))
    shifts = scales * rng.choice([0.0, 1.0, 30.0, 1000.0], len(names))
    raw = rng.normal(size=(len(group), len(names)))
    rank = effects if seed % 4 < 2 else int(rng.integers(0, effects))
    root = rng.normal(size=(effects, rank)) * rng.choice([0.3, 1.0, 3.0])
    random = rng.normal(size=(n_groups, rank)) @ root.T
    y = random[group, 0] + (raw * random[group, 1:]).sum(axis=1)
    y = (y + raw.sum(axis=1) + rng.normal(size=len(group))) * 10.0 ** rng.uniform(-3, 3)
    table = pd.DataFrame(raw * scales + shifts, columns=list(names))
    return table.assign(g=group), pd.Series(y), names


def fit_table(table: pd.DataFrame, y: pd.Series, slopes: tuple[str, ...]) -> Estimate:
    """Fit as the estimator does."""
    source = Columns(table)
    _, design = learn_random(source, [RandomTerm("g", slopes)])
    columns = learn_fixed(table, leave_out=["g"]).columns(source)
    sums, basis = sums_and_basis(columns, design, y.to_numpy(), None, source.ones)
    return estimate(sums, basis, [design.factors[0].blocks])


def best_known(fitted: Estimate, seed: int) -> float:
    """Return the lowest internal criterion over starts and two optimisers."""
    problem, rng = fitted.problem, np.random.default_rng(seed)
    size = len(problem.start())
    values = [fitted.minimum.value]
    for _ in range(N_STARTS):
        start = rng.normal(size=size) * 10.0 ** rng.uniform(-1, 1)
        values.append(minimise(problem.objective, start).value)
        other = minimize(
            lambda t: problem.objective(t)[:2], start, jac=True, method="BFGS"
        )
        values.append(float(other.fun))
    return min(values)


def stress_result(seed: int) -> StressResult:
    """Fit one table and compare with the best known criterion."""
    table, y, names = stress_table(seed)
    fitted = fit_table(table, y, names)
    excess = fitted.minimum.value - best_known(fitted, seed)
    minimum = fitted.minimum
    return StressResult(
        seed, len(names) + 1, excess, minimum.converged, fitted.singular
    )
