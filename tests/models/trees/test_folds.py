"""Folds of boosting leave out each row once."""

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, KFold, ShuffleSplit

from flexcv.models.trees.folds import held_out_rows, leaves_out_levels


def generator():
    return np.random.RandomState(0)


def test_a_number_of_folds_shuffles_rows_into_parts_of_like_size():
    parts = held_out_rows(4, None, 10, generator())
    assert sorted(np.concatenate(parts)) == list(range(10))
    assert [len(part) for part in parts] == [3, 3, 2, 2]
    assert all((np.diff(part) > 0).all() for part in parts)
    assert len(held_out_rows(5, None, 3, generator())) == 3
    assert held_out_rows(None, None, 10, generator()) == ()


def test_a_splitter_is_asked_with_groups_where_it_reads_them():
    groups = np.array([3, 3, 1, 1, 2, 2])
    for part in held_out_rows(GroupKFold(3), groups, 6, generator()):
        assert len(np.unique(groups[part])) == 1
    assert [list(part) for part in held_out_rows(KFold(2), groups, 6, generator())] == [
        [0, 1, 2],
        [3, 4, 5],
    ]


def test_a_splitter_that_leaves_rows_out_twice_or_never_is_refused():
    splitter = ShuffleSplit(3, test_size=0.5, random_state=0)
    with pytest.raises(ValueError, match="`folds` must leave out each row once"):
        held_out_rows(splitter, None, 10, generator())


def test_one_fold_is_refused():
    with pytest.raises(ValueError, match="`folds`"):
        held_out_rows(1, None, 10, generator())


def test_whole_levels_are_left_out_where_there_are_ten():
    groups = np.repeat(np.arange(12), [9, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
    parts = held_out_rows(4, groups, len(groups), generator())
    assert sorted(np.concatenate(parts)) == list(range(len(groups)))
    levels = [set(groups[part]) for part in parts]
    assert sum(map(len, levels)) == 12
    assert [len(part) for part in parts] == [10, 10, 10, 10]


def test_few_levels_are_divided():
    groups = np.repeat(np.arange(9), 10)
    assert not leaves_out_levels(5, groups)
    parts = held_out_rows(5, groups, 90, generator())
    assert all(len(set(groups[part])) > 2 for part in parts)
