"""A small table of counts with groups, as the engine takes it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from flexcv.models.design._effects import Columns
from flexcv.models.design.columns import RandomDesign, learn_fixed, learn_random
from flexcv.models.design.terms import random_terms
from flexcv.models.laplace.engine import Rows
from flexcv.models.laplace.families import family_of


def rows_of(name="poisson", random="(1 | g)", spread=0.7, scale=1.0, seed=0) -> Rows:
    """Return rows of a family; without `random` they have no groups."""
    rng = np.random.default_rng(seed)
    g, x = np.repeat(np.arange(15), 8), rng.normal(size=120)
    table = pd.DataFrame({"x": scale * x, "g": g})
    eta = 0.4 + 0.5 * x + spread * rng.normal(size=15)[g]
    y = {
        "poisson": lambda: rng.poisson(np.exp(eta)),
        "gamma": lambda: rng.gamma(2.0, np.exp(eta) / 2.0),
        "negative_binomial": lambda: rng.negative_binomial(
            1.5, 1.5 / (1.5 + np.exp(eta))
        ),
    }[name]()
    source = Columns(table)
    design = RandomDesign((), 120)
    if random:
        _, design = learn_random(source, random_terms(random=random))
    fixed = learn_fixed(table, leave_out=["g"]).columns(source)
    link = family_of(name, "log")
    ones, zeros = np.ones(120), np.zeros(120)
    return Rows(link, y.astype(float), ones, zeros, fixed, design, source.ones)
