"""The target's means in levels, and the columns that hold them."""

import numpy as np
import pandas as pd
import pytest

from flexcv.preflight.centres import level_centres
from flexcv.preflight.setup import levels_of

RNG = np.random.default_rng(9)
CODES = RNG.integers(0, 12, size=3_000)
TARGET = RNG.normal(size=12)[CODES] + RNG.normal(size=3_000)
CENTRES = level_centres(TARGET, levels_of(pd.Series(CODES)))
MEANS = pd.Series(TARGET).groupby(CODES).transform("mean").to_numpy()
SIZES = np.bincount(CODES)[CODES]


@pytest.mark.parametrize("shift", [0.0, 1e6])
def test_means_are_found_in_any_unit_and_around_any_origin(shift):
    centres = level_centres(TARGET + shift, levels_of(pd.Series(CODES)))
    assert centres.kind_held(MEANS + shift, TARGET + shift) == "mean"
    assert centres.kind_held(9 - 4 * MEANS, TARGET + shift) == "mean"


def test_means_that_were_shrunken_alike_are_found():
    prior = 5.0
    shrunken = (SIZES * MEANS + prior * TARGET.mean()) / (SIZES + prior)
    assert CENTRES.kind_held(shrunken, TARGET) == "mean"


def test_means_of_the_other_rows_are_found():
    others = (SIZES * MEANS - TARGET) / (SIZES - 1)
    assert CENTRES.kind_held(others, TARGET) == "mean"
    others[2_000] += 0.1  # beyond the rows looked at first
    assert CENTRES.kind_held(others, TARGET) == ""


def test_a_row_that_differs_beyond_the_first_ones_tells():
    values = MEANS.copy()
    values[2_500] += 1.0
    assert CENTRES.kind_held(values, TARGET) == ""


def test_what_a_level_makes_expect_is_not_its_mean():
    expected = RNG.normal(size=12)
    target = expected[CODES] + 0.1 * RNG.normal(size=3_000)
    centres = level_centres(target, levels_of(pd.Series(CODES)))
    assert centres.kind_held(expected[CODES], target) == ""


def test_medians_of_whole_numbers_are_equal_to_a_dose():
    dose = RNG.integers(0, 5, size=400)
    target = dose + RNG.integers(-1, 2, size=400).astype(float)
    centres = level_centres(target, levels_of(pd.Series(dose).astype(str)))
    assert pd.Series(target).groupby(dose).median().tolist() == [0, 1, 2, 3, 4]
    assert centres.kind_held(dose.astype(float), target) == ""
