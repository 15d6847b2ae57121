"""Levels of groups: coded as rows show them, listed by name or by category."""

import numpy as np
import pandas as pd
import pytest

from flexcv.models.design.group_levels import learn_levels, levels_of, listed_labels


def test_codes_count_levels_as_rows_show_them():
    levels = levels_of(pd.Series(["b", "c", "a", "b"]))
    np.testing.assert_array_equal(levels.codes, [0, 1, 2, 0])
    assert list(levels.labels) == ["b", "c", "a"]


def test_tables_list_numbers_and_texts_sorted_and_categories_in_their_order():
    assert list(listed_labels(pd.Series([10, 2, 10]))) == [2, 10]
    assert list(listed_labels(pd.Series(["b", "a"]))) == ["a", "b"]
    labels = pd.Series(pd.Categorical(["a", "z", "b"], categories=["z", "b", "n", "a"]))
    assert list(listed_labels(labels)) == ["z", "b", "a"]


def test_names_of_groups_leave_codes_alone():
    codes = [2, 0, 2, 1, 0]
    for names in (["x", "y", "z"], ["z", "x", "y"], [30, 4, 100]):
        column = pd.Series([names[code] for code in codes])
        np.testing.assert_array_equal(levels_of(column).codes, [0, 1, 0, 2, 1])


def test_cells_of_two_columns_are_those_that_occur():
    table = pd.DataFrame({"g": ["v", "u", "v", "v"], "h": [1, 2, 1, 0]})
    levels = learn_levels(table, ["g", "h"])
    np.testing.assert_array_equal(levels.codes, [0, 1, 0, 2])
    assert list(levels.labels) == [("v", 1), ("u", 2), ("v", 0)]
    assert list(levels.labels[levels.listed]) == [("u", 2), ("v", 0), ("v", 1)]
    assert list(levels.labels.names) == ["g", "h"]


def test_a_listing_of_cells_is_looked_up_without_a_warning():
    table = pd.DataFrame({"g": ["v", "u", "v", "v"], "h": [1, 2, 1, 0]})
    levels = learn_levels(table, ["g", "h"])
    effects = pd.Series(levels.listed, levels.labels[levels.listed])
    assert effects.loc[("v", 0)] == 2


def test_a_missing_column_and_gaps_are_refused():
    with pytest.raises(ValueError, match="names column 'k', which is not in the table"):
        learn_levels(pd.DataFrame({"g": [1]}), ["k"])
    with pytest.raises(ValueError, match="must have a label in every row"):
        learn_levels(pd.DataFrame({"g": ["a", None]}), ["g"])
