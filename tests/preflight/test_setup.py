"""What checks look at."""

import numpy as np
import pandas as pd

from flexcv.preflight.kinds import DATE, LABEL, NUMBER, WHOLE
from flexcv.preflight.setup import SAMPLED, levels_of

from .setups import setup_of

COLUMNS = {
    "x": [0.5, np.nan, 1.5] * 4,
    "k": [3, 1, 3] * 4,
    "f": ["a", None, "b"] * 4,
    "d": pd.date_range("2024-01-01", periods=12),
}


def test_features_are_told_apart_by_what_they_hold():
    setup = setup_of(np.arange(12.0), COLUMNS)
    assert setup.kinds == {"x": NUMBER, "k": WHOLE, "f": LABEL, "d": DATE}
    assert setup.named(WHOLE, LABEL) == ["k", "f"]
    assert list(setup.levels) == ["k", "f"]
    assert list(setup.numbers) == ["x", "k"]


def test_levels_are_counted_as_rows_show_them_and_missing_is_one():
    levels = levels_of(pd.Series(["b", None, "a", "b"]))
    assert levels.codes.tolist() == [0, 1, 2, 0]
    assert levels.sizes.tolist() == [2, 1, 1]
    assert len(levels) == 3


def test_a_sample_is_all_rows_or_spread_evenly():
    assert setup_of(np.arange(12.0)).sample.tolist() == list(range(12))
    large = setup_of(np.arange(4.0 * SAMPLED)).sample
    assert len(large) == SAMPLED
    assert (large[0], large[-1]) == (0, 4 * SAMPLED - 1)


def test_groups_have_levels_of_their_own():
    groups = pd.DataFrame({"g": list("aabb") * 3, "h": list("uvuv") * 3})
    assert list(setup_of(np.arange(12.0), groups=groups).group_levels) == ["g", "h"]
    assert setup_of(np.arange(12.0)).group_levels == {}
