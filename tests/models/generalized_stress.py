"""Awkward tables for generalised mixed models, fitted from several starts.

Badly scaled columns, few rows per group, groups of one class, variances near zero:
every start must end at the same likelihood, or say that it did not converge.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from flexcv.models.design._effects import Columns
from flexcv.models.design.columns import learn_fixed, learn_random
from flexcv.models.design.terms import random_terms
from flexcv.models.laplace.engine import (
    Rows,
    first_guess_of,
    laplace_problem,
)
from flexcv.models.laplace.families import Family, family_of
from flexcv.models.laplace.fit import fit_laplace

FAMILIES = [
    ("binomial", "logit"),
    ("binomial", "probit"),
    ("binomial", "cloglog"),
    ("poisson", None),
    ("negative_binomial", None),
    ("gamma", None),
]
RANDOM = ["(1 | g)", "(x | g)", "(x || g)", "(1 | g) + (1 | h)", "(x | g) + (1 | h)"]
STARTS = (0.03, 0.3, 2.5)


class StressResult(NamedTuple):
    """How one table ended, against the best of several starts.

    Fits whose variance runs away are left out: they are marked, and not compared.
    """

    name: str
    excess: float
    converged: bool
    singular: bool


def stress_result(seed: int) -> StressResult:
    """Fit one awkward table from the usual start and from others."""
    rng = np.random.default_rng(seed)
    name, link = FAMILIES[seed % len(FAMILIES)]
    random = RANDOM[(seed // len(FAMILIES)) % len(RANDOM)]
    family = family_of(name, link)
    rows = awkward_rows(family, random, rng)
    problem, _, order = laplace_problem(rows)
    begin = first_guess_of(problem, rows, order)
    fit = fit_laplace(problem, begin)
    best = fit.criterion
    diagonal = np.concatenate([1.0 * (s.rows == s.cols) for s in problem.shapes])
    for scale in STARTS:
        other_problem, _, _ = laplace_problem(rows)
        start = begin.copy()
        start[: len(diagonal)] = scale * diagonal + 0.02
        other = fit_laplace(other_problem, start)
        if not other.unbounded:  # Laplace's approximation means nothing there
            best = min(best, other.criterion)
    label = f"{name} {family.link} {random}"
    return StressResult(label, fit.criterion - best, fit.converged, fit.singular)


def awkward_rows(family: Family, random: str, rng: np.random.Generator) -> Rows:
    """Draw a table: scales over eight decades, small groups, variances near zero."""
    groups = int(rng.choice([6, 30, 120]))
    sizes = rng.integers(1, rng.choice([3, 6, 25]), groups)
    sizes[: groups // 2] += 1
    g = np.repeat(np.arange(groups), sizes)
    scale, shift = 10.0 ** rng.uniform(-4, 4), rng.choice([0.0, 5.0])
    u = rng.normal(size=len(g))
    table = pd.DataFrame({"x": scale * (u + shift), "g": g})
    table["h"] = rng.integers(0, 5, len(g))
    sd = rng.choice([0.0, 0.1, 0.7, 2.0], 3)
    eta = -0.3 + 0.5 * u + sd[0] * rng.normal(size=groups)[g]
    eta += 0.5 * sd[1] * rng.normal(size=groups)[g] * u
    eta += sd[2] * rng.normal(size=5)[table["h"]]
    y = _target(family, np.clip(eta, -6.0, 6.0), rng)
    source = Columns(table)
    _, design = learn_random(source, random_terms(random=random))
    columns = learn_fixed(table, formula="x").columns(source)
    ones, nothing = np.ones(len(g)), np.zeros(len(g))
    return Rows(family, y, ones, nothing, columns, design, source.ones)


def _target(family: Family, eta: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    mu = family.mean(eta)
    if family.name == "binomial":
        return 1.0 * (rng.random(len(mu)) < mu)
    if family.name == "poisson":
        return rng.poisson(mu).astype(float)
    if family.name == "negative_binomial":
        return rng.negative_binomial(1.2, 1.2 / (1.2 + mu)).astype(float)
    return rng.gamma(1.5, mu / 1.5)
