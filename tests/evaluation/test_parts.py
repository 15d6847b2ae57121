"""Digests of plain values in order."""

import pytest

from flexcv.evaluation._parts import atoms


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([1, 2], [1, 3]),
        ([1, 2], [2, 1]),
        (["a", 1.5], ["a", 2.5]),
        ([1], [True]),
        ([1], [1.0]),
        (["ab", "c"], ["a", "bc"]),
        ([None, "a"], ["a", None]),
    ],
)
def test_values_that_differ_have_digests_that_differ(one, other):
    assert atoms(one) == atoms(list(one))
    assert atoms(one) != atoms(other)


def test_what_is_not_plain_has_none():
    assert atoms([1, object()]) is None
