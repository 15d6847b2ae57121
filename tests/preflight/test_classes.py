"""What is wrong about a target of classes, seen before the first fit."""

import numpy as np
import pytest

from flexcv.preflight.classes import classes_missing, classes_told, rare_class

from .setups import findings, setup_of

Y = ["a", "b"] * 15


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
    found = findings(classes_told, setup_of(Y, {"f": feature}))
    assert [level for level, _ in found] == ["warn"] * told
    assert all("the feature 'f' tells the class" in text for _, text in found)


def test_levels_need_five_rows_each_to_tell():
    six = list(range(6)) * 5
    y = ["a" if level < 3 else "b" for level in six]
    assert findings(classes_told, setup_of(y, {"f": six}))
    assert not findings(classes_told, setup_of(y[:29], {"f": six[:29]}))


def test_a_feature_that_tells_nearly_every_class_is_named_with_its_mistakes():
    y = ["a", "b"] * 100
    flag = [0, 1] * 99 + [1, 1]
    (level, text), *others = findings(classes_told, setup_of(y, {"f": flag}))
    assert (level, others) == ("warn", [])
    assert text == (
        "the feature 'f' tells the class of all but 1 of 200 rows; drop it unless it "
        "is known before the outcome."
    )


def test_a_class_that_a_part_lacks_is_named_with_the_first_fold():
    setup = setup_of(["a"] * 14 + ["b"] * 15 + ["rare"])
    found = [text for _, text in findings(classes_missing, setup)]
    assert len(found) == 2
    assert "no row of class 'rare' is in the training part of repeat 0" in found[0]
    assert "of 1 more" in found[1]
    assert all("use 'StratifiedKFold' or fewer folds" in text for text in found)


def test_numbers_and_even_classes_bring_no_word():
    numbers = setup_of(np.arange(30.0))
    assert not findings(classes_told, numbers)
    assert not findings(classes_missing, numbers)
    assert not findings(classes_missing, setup_of(Y, split="StratifiedKFold"))


def test_a_rare_class_is_named_where_accuracy_is_all_that_is_scored():
    y = ["no"] * 90 + ["yes"] * 10
    (level, text), *others = findings(rare_class, setup_of(y, metrics=["accuracy"]))
    assert (level, others) == ("warn", [])
    assert text == (
        "class 'yes' has 10% of the rows and accuracy is the only metric: a model that "
        "never predicts it is called right in up to 90% of the rows; add "
        "'balanced_accuracy', 'log_loss' or 'roc_auc' to the metrics."
    )


@pytest.mark.parametrize(
    ("y", "metrics"),
    [
        (["no"] * 90 + ["yes"] * 10, ["accuracy", "balanced_accuracy"]),
        (["no"] * 75 + ["yes"] * 25, ["accuracy"]),
        (list("abcdef") * 10, ["accuracy"]),  # a sixth each is not rare among six
        (np.arange(30.0), ["r2"]),
    ],
)
def test_other_metrics_and_even_classes_need_no_word(y, metrics):
    assert not findings(rare_class, setup_of(y, metrics=metrics))
