"""Profile-likelihood intervals where the search for a bound is hard."""

import numpy as np
import pandas as pd

from flexcv.models import LinearMixedEffectsModel
from flexcv.models.gaussian.intervals import Excess


def table_with_a_slope_of_no_variance():
    rng = np.random.default_rng(30)
    n = int(rng.integers(60, 400))
    table = pd.DataFrame({"x": rng.normal(size=n), "z": rng.normal(size=n)})
    table["g"] = rng.integers(0, rng.integers(4, 40), n)
    table["h"] = rng.integers(0, 8, n)
    table["w"] = rng.uniform(0.5, 2, n)
    effects = rng.normal(size=500)[table["g"]] * (1 + 0.5 * table["x"])
    return table, table["x"] + effects + rng.normal(size=8)[table["h"]] + rng.normal(
        size=n
    )


def test_a_bound_is_found_though_a_search_ended_too_early():
    table, y = table_with_a_slope_of_no_variance()
    model = LinearMixedEffectsModel(random="(x||g)", weights="w").fit(table, y)
    found = model.profile_intervals()
    assert (found["lower"] <= found["estimate"] + 1e-8).all()
    assert (found["estimate"] <= found["upper"] + 1e-8).all()


def test_an_excess_asked_for_twice_is_the_same_and_searches_once():
    asked = []

    class Profiled:
        start, lowest = np.zeros(1), 0.0

        def best_with(self, parameter, value, start):
            asked.append(value)
            return float(value) ** 2 + 1.0 / len(asked), start

    class Parameter:
        def value(self, start):
            return 0.0

    excess = Excess(Profiled(), Parameter(), 1.0)
    first, n_searches = excess(2.0), len(asked)
    assert excess(2.0) == first
    assert len(asked) == n_searches > 1
    assert excess(0.0) == -1.0
