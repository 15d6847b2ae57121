"""What is wrong about a target of classes, seen before the first fit."""

import numpy as np
import pandas as pd
import pytest

from flexcv.dataset import Task, make_dataset
from flexcv.evaluation.class_checks import classes_missing, classes_told
from flexcv.resampling import SplitSettings, make_plan
from flexcv.resampling.registry import resolve_method

Y = ["a", "b"] * 15


def dataset_of(y, **columns):
    target = pd.Series(y, name="y")
    made = make_dataset(pd.DataFrame(columns or {"x": np.arange(len(y))}), target)
    return made.with_task(Task(tuple(sorted(set(y)))))


@pytest.mark.parametrize(
    ("feature", "told"),
    [
        ([0.0, 1.0] * 15, True),
        ([0.0, 1.0] * 14 + [0.0, 0.0], False),  # one row of the other class
        (np.arange(30.0), False),  # a level for every row tells nothing
        ([1.0] * 30, False),
        (["u", "v"] * 15, True),
        ([np.nan, 1.0] * 15, True),
    ],
)
def test_a_feature_that_tells_every_class_is_named(feature, told):
    found = list(classes_told(dataset_of(Y, f=feature)))
    assert [level for level, _ in found] == ["warn"] * told
    assert all("the feature 'f' tells the class" in text for _, text in found)


def test_levels_need_five_rows_each_to_tell():
    six = list(range(6)) * 5
    y = ["a" if level < 3 else "b" for level in six]
    assert list(classes_told(dataset_of(y, f=six)))
    assert not list(classes_told(dataset_of(y[:29], f=six[:29])))


def plan_of(dataset, method):
    settings = SplitSettings(resolve_method("split", method), n_splits_out=3)
    return make_plan(dataset, settings, 0, with_inner=False)


def test_a_class_that_a_part_lacks_is_named_with_the_first_fold():
    dataset = dataset_of(["a"] * 14 + ["b"] * 15 + ["rare"])
    found = [text for _, text in classes_missing(dataset, plan_of(dataset, "KFold"))]
    assert len(found) == 2
    assert "no row of class 'rare' is in the training part of repeat 0" in found[0]
    assert "of 1 more" in found[1]
    assert all("use 'StratifiedKFold' or fewer folds" in text for text in found)


def test_numbers_and_even_classes_bring_no_word():
    numbers = make_dataset(pd.DataFrame({"x": np.arange(30.0)}), np.arange(30.0))
    assert not list(classes_told(numbers))
    assert not list(classes_missing(numbers, plan_of(numbers, "KFold")))
    even = dataset_of(Y)
    assert not list(classes_missing(even, plan_of(even, "StratifiedKFold")))
