"""Parametric bootstraps, from sums as from rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flexcv.models import LinearMixedEffectsModel
from tests.models.reference_tables import reference_table


@pytest.mark.slow
def test_bootstrap_intervals_resemble_profiles_and_repeat_with_a_seed(
    model: LinearMixedEffectsModel,
) -> None:
    first = model.bootstrap_intervals(600, random_state=1)
    pd.testing.assert_frame_equal(first, model.bootstrap_intervals(600, random_state=1))
    profile = model.profile_intervals()
    width = profile["upper"] - profile["lower"]
    for side in ("lower", "upper"):
        assert ((first[side] - profile[side]).abs() < 0.35 * width).all()


@pytest.mark.slow
@pytest.mark.parametrize("random", ["(1 | plate)", "(1 | plate) + (1 | sample)"])
def test_the_bootstrap_from_sums_has_the_moments_of_the_bootstrap_from_rows(
    random: str,
) -> None:
    frame = reference_table("Penicillin")
    X, y = frame[["plate", "sample"]], frame["diameter"]
    model = LinearMixedEffectsModel(formula="1", random=random).fit(X, y)
    rng = np.random.default_rng(0)
    draws = model.simulate(X, 150, random_state=rng)
    sds = []
    for column in draws:
        again = LinearMixedEffectsModel(formula="1", random=random)
        sds.append(again.fit(X, draws[column]).variance_components_["sd"])
    rows = np.percentile(sds, [2.5, 97.5], axis=0).T
    sums = model.bootstrap_intervals(400, random_state=rng).iloc[:-1]
    width = rows[:, 1] - rows[:, 0]
    off = np.abs(sums[["lower", "upper"]].to_numpy() - rows) / width[:, None]
    assert off.max() < 0.3
