"""Features that know the target."""

import numpy as np
import pandas as pd
import pytest

from flexcv.preflight.targets import target_inside, target_means

from .setups import findings, setup_of

RNG = np.random.default_rng(7)
Y = RNG.normal(size=60) + 5.0
GROUP = np.repeat(np.arange(6), 10)
MEANS = pd.Series(Y).groupby(GROUP).transform("mean").to_numpy()
SIZES = 10.0


@pytest.mark.parametrize(
    ("copy", "said"),
    [
        (3 - 2 * Y, "is the target but for scale (correlation above 0.9999)"),
        (pd.Series(Y).rank().to_numpy(), "is in the order of the target in all rows"),
        (-np.exp(Y), "is in the order of the target in all rows"),
        (np.round(Y), "is in the order of the target in all rows"),
        ((np.median(Y) < Y).astype(float), "is in the order of the target"),
        (Y + 0.05 * RNG.normal(size=60), "follows the target almost exactly"),
    ],
)
def test_a_copy_of_the_target_is_named(copy, said):
    found = findings(target_inside, setup_of(Y, {"f": copy}))
    assert [level for level, _ in found] == ["warn"]
    assert f"the feature 'f' {said}" in found[0][1]


def test_a_copy_with_gaps_is_named():
    copy = np.where(np.arange(60) % 5 == 0, np.nan, np.round(Y, 1))
    assert findings(target_inside, setup_of(Y, {"f": copy}))


@pytest.mark.parametrize(
    "feature",
    [
        Y + 0.3 * RNG.normal(size=60),  # a good predictor
        RNG.normal(size=60),
        np.ones(60),
        np.append(np.zeros(59), np.argmax(Y) == 59),
        (Y > 6) & (RNG.random(60) < 0.7),  # high rows only, and not all of them
    ],
)
def test_an_honest_feature_is_not_named(feature):
    assert not findings(target_inside, setup_of(Y, {"f": feature}))


def test_few_rows_are_in_the_order_of_the_target_by_chance():
    y = [1.0, 2.0, 4.0, 8.0, 9.0, 11.0]
    assert not findings(target_inside, setup_of(y, {"f": [1, 2, 3, 4, 5, 9]}))


def test_a_number_that_separates_two_classes_is_named():
    y = ["a"] * 20 + ["b"] * 20
    dose = np.concatenate([RNG.random(20), RNG.random(20) + 2])
    assert findings(target_inside, setup_of(y, {"dose": dose}))
    dose[0] = 2.5
    assert not findings(target_inside, setup_of(y, {"dose": dose}))


@pytest.mark.parametrize(
    "feature",
    [
        MEANS,
        2 * MEANS - 1,
        (SIZES * MEANS - Y) / (SIZES - 1),  # the mean of the group's other rows
    ],
)
def test_means_of_the_target_in_groups_are_named(feature):
    setup = setup_of(Y, {"f": feature}, groups=pd.Series(GROUP, name="g"))
    found = findings(target_means, setup)
    assert found == [
        (
            "warn",
            "the feature 'f' holds the target's mean in each level of 'g', test rows "
            "included, so the target of a test row is part of its own features; compute "
            "it inside each fold, for example by a TargetEncoder in a pipeline.",
        )
    ]


def test_means_in_the_levels_of_a_feature_are_named():
    shop = np.array([f"S{k}" for k in GROUP])
    assert findings(target_means, setup_of(Y, {"shop": shop, "f": MEANS}))
    assert findings(target_means, setup_of(Y, {"class": GROUP, "f": MEANS}))
    assert not findings(target_means, setup_of(Y, {"f": MEANS}))  # nothing to go by


def test_medians_are_named_as_such():
    medians = pd.Series(Y).groupby(GROUP).transform("median").to_numpy()
    setup = setup_of(Y, {"f": medians}, groups=pd.Series(GROUP, name="g"))
    assert (
        "holds the target's median in each level of 'g'"
        in (findings(target_means, setup)[0][1])
    )


def test_a_flag_that_only_one_class_has_is_no_copy():
    y = ["a"] * 40 + ["b"] * 40
    flag = np.append(np.zeros(40), np.arange(40) % 2)
    assert not findings(target_inside, setup_of(y, {"pregnant": flag}))


def test_a_feature_of_the_group_is_not_its_mean():
    age = np.array([31.0, 40.0, 28.0, 66.0, 54.0, 35.0])[GROUP]
    setup = setup_of(Y, {"age": age}, groups=pd.Series(GROUP, name="g"))
    assert not findings(target_means, setup)


def test_a_dose_that_predicts_means_as_well_as_can_be_is_not_one():
    dose = np.tile(np.arange(10), 2_000)
    y = 3.0 * dose + RNG.normal(size=20_000)
    columns = {"dose": dose, "milligrams": 2.5 * dose, "arm": dose.astype(str)}
    assert np.corrcoef(np.bincount(dose, y), np.arange(10))[0, 1] > 0.99999
    assert not findings(target_means, setup_of(y, columns))
