"""Parametric-bootstrap intervals, drawn and refitted from sums.

The likelihood sees the data only through sums over rows, whose joint distribution
under the fitted model is known (`draws`), so the training rows are not needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from .engine import Estimate, at_minimum, search
from .parameters import parameter_frame


def bootstrap_intervals(
    fitted: Estimate,
    names: Sequence[str],
    groups: Sequence[tuple[str, Sequence[str]]],
    *,
    n_draws: int,
    rng: np.random.Generator,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return estimate, lower and upper from refits to data drawn from the model.

    Parameters
    ----------
    fitted
        A fitted model.
    names
        Names of the kept fixed effects.
    groups
        Per factor its name and the names of its effects.
    n_draws
        How many data sets to draw.
    rng
        Source of random numbers.
    level
        Coverage of the intervals.
    """
    problem = fitted.problem
    sigma = float(np.sqrt(fitted.at.r2 / fitted.at.free))
    draw = problem.sums.draws(problem.factors(fitted.minimum.theta), sigma)
    origin = fitted.basis.origin + fitted.basis.target_scale * fitted.at.beta
    basis = replace(fitted.basis, origin=origin)
    estimates = []
    for _ in range(n_draws):
        drawn = replace(problem, sums=draw(rng), latest=[])
        again = at_minimum(drawn, basis, search(drawn))
        estimates.append(parameter_frame(again, names, groups)["estimate"].to_numpy())
    tail = 50.0 * (1.0 - level)
    lower, upper = np.nanpercentile(np.array(estimates), [tail, 100.0 - tail], axis=0)
    frame = parameter_frame(fitted, names, groups)
    return frame.assign(lower=lower, upper=upper)
