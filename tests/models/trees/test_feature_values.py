import numpy as np
import pandas as pd
import pytest

from flexcv.models.trees.feature_values import learn_features


def test_labels_become_places_in_category_order():
    column = pd.Categorical(["low", "high", None], categories=["low", "high"])
    table = pd.DataFrame({"f": column})
    values = learn_features(table, ["f"]).values(table)
    np.testing.assert_array_equal(values[:, 0], [0.0, 1.0, np.nan])


def test_a_label_that_training_did_not_show_counts_as_missing():
    encoder = learn_features(pd.DataFrame({"f": ["a", "b"]}), ["f"])
    values = encoder.values(pd.DataFrame({"f": ["b", "c"]}))
    np.testing.assert_array_equal(values[:, 0], [1.0, np.nan])


def test_missing_numbers_of_any_kind_stay_missing():
    table = pd.DataFrame({"x": pd.array([1, None], dtype="Int64"), "t": [True, False]})
    values = learn_features(table, ["x", "t"]).values(table)
    np.testing.assert_array_equal(values, [[1.0, 1.0], [np.nan, 0.0]])


def test_infinite_values_are_refused():
    table = pd.DataFrame({"x": [1.0, np.inf]})
    with pytest.raises(ValueError) as error:
        learn_features(table, ["x"]).values(table)
    assert str(error.value) == (
        "column 'x' must not be infinite, got infinite values; mark them as missing or "
        "drop the rows."
    )
