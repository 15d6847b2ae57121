"""Levels of categories: in order, and matched by value or by text."""

import numpy as np
import pandas as pd
import pytest

from flexcv.models.design._levels import (
    by_appearance,
    category_levels,
    level_positions,
    level_text,
)


def test_levels_are_those_that_occur_sorted_or_in_category_order():
    assert category_levels(pd.Series(["b", "a", "b"])) == ("a", "b")
    ordered = pd.Series(pd.Categorical(["b", "a"], categories=["z", "b", "a"]))
    assert category_levels(ordered) == ("b", "a")


def test_positions_are_found_by_value_and_by_text():
    for labels in ([2, 1, 2], ["2", "1", "2"], [2.0, 1.0, 2.0]):
        found = level_positions(pd.Series(labels), (1, 2), "k")
        np.testing.assert_array_equal(found, [1, 0, 1])


def test_a_level_of_nobody_is_refused_with_its_name():
    with pytest.raises(ValueError, match=r"column 'k' must hold levels .* got 3; it"):
        level_positions(pd.Series([1, 3]), (1, 2), "k")


def test_codes_by_appearance_do_not_hang_on_how_levels_are_numbered():
    codes = np.array([3, 0, 3, 1])
    np.testing.assert_array_equal(by_appearance(codes), [0, 1, 0, 2])
    np.testing.assert_array_equal(by_appearance(5 - codes), [0, 1, 0, 2])


def test_whole_numbers_are_written_without_a_point():
    assert [level_text(level) for level in (3.0, 3.5, np.float64(2), "3.0", True)] == [
        "3",
        "3.5",
        "2",
        "3.0",
        "True",
    ]
