"""Profile-likelihood intervals where the search for a bound is hard."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flexcv.models import LinearMixedEffectsModel
from flexcv.models.gaussian.intervals import Excess
from tests.models.reference_tables import reference_table


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


@pytest.mark.reference
@pytest.mark.parametrize(
    ("name", "target", "options", "wanted"),
    [
        (
            "sleepstudy",
            "Reaction",
            {"groups": "Subject", "slopes": "Days"},
            [
                *((14.3814182, 37.7159953), (3.8011641, 8.7533808)),
                *((-0.4815008, 0.6849863), (22.8982669, 28.8579965)),
                *((237.6806955, 265.1295147), (7.3586533, 13.5759188)),
            ],
        ),
        (
            "Penicillin",
            "diameter",
            {"groups": ["plate", "sample"]},
            [
                *((0.6335660, 1.1821040), (1.0957893, 3.5562910)),
                *((0.4858454, 0.6294535), (21.2666274, 24.6778176)),
            ],
        ),
        (
            "Pastes",
            "strength",
            {"formula": "1", "random": "(1 | batch/cask)"},
            [
                *((2.1579337, 4.053589), (0.0, 2.946591)),
                *((0.6520234, 1.085448), (58.6636504, 61.443016)),
            ],
        ),
    ],
)
def test_profile_intervals_are_those_of_lme4(
    name: str, target: str, options: dict[str, object], wanted: list[tuple]
) -> None:
    """lme4 1.1-31, ``confint(fit)``: interpolated profiles, good to about 1e-3."""
    frame = reference_table(name)
    X = frame.drop(columns=target)
    model = LinearMixedEffectsModel(**options).fit(X, frame[target])
    intervals = model.profile_intervals()
    np.testing.assert_allclose(intervals[["lower", "upper"]], wanted, rtol=1e-3)


@pytest.mark.reference
def test_a_correlation_is_open_where_a_variance_may_be_zero() -> None:
    """lme4 1.1-31, ``confint(lmer(distance ~ age + (age | Subject)))``: -1 to 1."""
    frame = reference_table("Orthodont")
    model = LinearMixedEffectsModel(formula="age + (age | Subject)")
    intervals = model.fit(frame, frame["distance"]).profile_intervals()
    row = intervals.loc[("Subject", "corr(Intercept, age)")]
    assert (row["lower"], row["upper"]) == (-1.0, 1.0)
    assert intervals.loc[("Subject", "sd(Intercept)"), "lower"] == 0.0


def test_a_level_of_coverage_lies_between_zero_and_one(
    model: LinearMixedEffectsModel, sleep: pd.DataFrame
) -> None:
    with pytest.raises(ValueError, match="`level` must lie between 0 and 1, got 95"):
        model.predict_interval(sleep, level=95)
