"""Rows with missing values are found, left out, and NaN in predictions."""

import numpy as np
import pandas as pd

from flexcv.models.design.gaps import complete_rows, with_gaps, without_gaps

TABLE = pd.DataFrame({"x": [1.0, np.nan, 3.0, 4.0], "z": [np.nan, 2.0, 3.0, 4.0]})


def test_rows_are_complete_in_all_columns_or_in_those_named():
    np.testing.assert_array_equal(complete_rows(TABLE), [False, False, True, True])
    np.testing.assert_array_equal(
        complete_rows(TABLE, {"x"}), [True, False, True, True]
    )


def test_rows_without_a_value_or_a_target_are_left_out_and_counted():
    X, y, dropped = without_gaps(TABLE, np.array([1.0, 2.0, np.nan, 4.0]), {"x"})
    assert (X.index.tolist(), y.tolist(), dropped) == ([0, 3], [1.0, 4.0], 2)


def test_a_table_without_gaps_is_given_back_itself():
    y = np.arange(2.0)
    X, target, dropped = without_gaps(TABLE.tail(2), y, None)
    assert (X.shape, dropped) == ((2, 2), 0)
    assert target is y


def test_targets_of_another_length_are_left_to_the_check_of_lengths():
    assert without_gaps(TABLE, np.ones(2), None)[2] == 0


def test_rows_with_gaps_are_predicted_as_nan():
    found = with_gaps(TABLE, {"x"}, lambda rows: 10.0 * rows["x"].to_numpy())
    np.testing.assert_array_equal(found, [10.0, np.nan, 30.0, 40.0])
    labels = with_gaps(TABLE, {"x"}, lambda rows: np.full(len(rows), "a"))
    assert labels.tolist()[0] == "a"
    assert np.isnan(labels.tolist()[1])
    nothing = with_gaps(TABLE.head(1), {"z"}, lambda rows: np.zeros((0, 2)), (2,))
    assert nothing.shape == (1, 2)
    assert np.isnan(nothing).all()
