"""Checks of tables, targets and weights, one sentence each."""

import numpy as np
import pandas as pd
import pytest

from flexcv.models.design.validate import (
    is_categorical,
    numeric_values,
    require_column,
    require_no_missing,
    require_one_kind,
    require_unique_columns,
    sample_weights,
    target_values,
)


def test_a_misspelled_column_is_named_with_its_near_miss():
    with pytest.raises(ValueError, match=r"`groups` names column 'subjct'.*'subject'"):
        require_column(pd.DataFrame({"subject": [1]}), "subjct", "groups")


def test_a_name_that_stands_for_two_columns_is_refused():
    table = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(ValueError, match="must be unique, got 'a' more than once"):
        require_unique_columns(table)


@pytest.mark.parametrize(("gap", "kind"), [(np.nan, "missing"), (np.inf, "infinite")])
def test_numbers_are_finite(gap, kind):
    with pytest.raises(ValueError, match=f"'x' must be finite, got {kind} values"):
        numeric_values(pd.Series([1.0, gap]), "x")


def test_large_numbers_whose_sum_overflows_are_finite():
    np.testing.assert_array_equal(
        numeric_values(pd.Series([1.7e308, 1.7e308]), "x"), [1.7e308, 1.7e308]
    )


@pytest.mark.parametrize(
    ("values", "wanted"),
    [([1, 2], False), ([True, False], False), (["a", "b"], True), ([1.5, 2.0], False)],
)
def test_labels_are_told_from_numbers(values, wanted):
    assert is_categorical(pd.Series(values)) is wanted


def test_dates_and_mixtures_are_neither():
    with pytest.raises(TypeError, match="got datetime64 values"):
        is_categorical(pd.Series(pd.to_datetime(["2020-01-01"]), name="day"))
    with pytest.raises(TypeError, match="got a mixture of numbers and text"):
        require_one_kind(pd.Series([1, "a"], dtype=object))
    require_one_kind(pd.Series([1, 2], dtype=object))


def test_missing_labels_are_refused_by_role():
    with pytest.raises(ValueError, match="grouping column 'g' must have a label"):
        require_no_missing(pd.Series(["a", None], name="g"), "grouping")


def test_targets_are_one_finite_column_of_numbers():
    np.testing.assert_array_equal(target_values([[1], [2]], 2), [1.0, 2.0])
    np.testing.assert_array_equal(target_values(["1.5", "2"], 2), [1.5, 2.0])
    for y, message in (
        (np.ones((2, 2)), "must be one-dimensional, got shape"),
        ([1.0], "has 1 rows but `X` has 2"),
        ([1.0, np.nan], "must be finite"),
        (["a", "b"], "must be numeric, got values such as 'a'"),
    ):
        with pytest.raises(ValueError, match=message):
            target_values(y, 2)


def test_weights_are_one_for_each_row_or_one_for_all():
    np.testing.assert_array_equal(sample_weights(2, 3), [2.0, 2.0, 2.0])
    np.testing.assert_array_equal(sample_weights([0, 1, 2], 3), [0.0, 1.0, 2.0])
    for weights in ([1.0, -1.0], [np.nan, 1.0], [0.0, 0.0]):
        with pytest.raises(ValueError, match="must be finite and not negative"):
            sample_weights(weights, 2)
    with pytest.raises(ValueError, match="one number per row of `X`, here 2"):
        sample_weights([1.0], 2)
