"""Two classes of any kind, and counts of successes."""

import numpy as np
import pandas as pd
import pytest

from flexcv.models.design.binary_labels import encoded_classes, success_shares


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (["yes", "no", "yes"], ["no", "yes"]),
        ([3, 1, 3], [1, 3]),
        ([True, False, True], [False, True]),
        (pd.Series(["yes", "no", "yes"], dtype="category"), ["no", "yes"]),
        (np.array([[1.0], [0.0], [1.0]])[:, 0], [0.0, 1.0]),
    ],
)
def test_the_second_class_in_order_is_one(y, classes):
    found, target = encoded_classes(y)
    assert found.tolist() == classes
    np.testing.assert_array_equal(target, [1.0, 0.0, 1.0])


@pytest.mark.parametrize(
    ("y", "kind", "message"),
    [
        (["a", "a"], ValueError, "got only one class 'a'"),
        (["a", "b", "c"], ValueError, "got 3: \\['a', 'b', 'c'\\]"),
        (["a", None], ValueError, "must have a class in every row"),
        ([0.25, 0.5], ValueError, "Unknown label type: continuous"),
        (["a", 1], TypeError, "must hold labels of one kind, got \\['int', 'str'\\]"),
    ],
)
def test_what_is_not_two_classes_is_refused(y, kind, message):
    with pytest.raises(kind, match=message):
        encoded_classes(y)


def test_counts_become_shares_and_shares_stay():
    trials = np.array([4.0, 2.0])
    np.testing.assert_array_equal(
        success_shares(np.array([3.0, 0.0]), trials), [0.75, 0]
    )
    shares = np.array([0.5, 1.0])
    assert success_shares(shares, trials) is shares
    counted = success_shares(shares, trials, counted=True)
    np.testing.assert_array_equal(counted, [0.125, 0.5])


def test_more_successes_than_trials_are_refused_where_they_are_counted():
    with pytest.raises(ValueError, match="got 5 of 4; pass counts"):
        success_shares(np.array([5.0]), np.array([4.0]), counted=True)
