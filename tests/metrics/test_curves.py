import numpy as np
import pytest
from sklearn import metrics as skm
from statsmodels.stats.proportion import proportion_confint

from flexcv.metrics.curves import (
    calibration_table,
    confusion_table,
    roc_table,
    wilson_interval,
)

RNG = np.random.default_rng(0)
THREE = ("a", "b", "c")
TRUTH = np.asarray(THREE, dtype=object)[RNG.integers(3, size=90)]
TABLE = RNG.dirichlet(np.ones(3), 90)


def test_the_area_under_the_curve_is_the_roc_auc():
    curves = roc_table(TRUTH, TABLE, THREE)
    for place, label in enumerate(THREE):
        curve = curves[curves["class"].eq(label)]
        area = skm.auc(curve["false_positive_rate"], curve["true_positive_rate"])
        assert area == pytest.approx(skm.roc_auc_score(label == TRUTH, TABLE[:, place]))


def test_of_two_classes_the_curve_is_that_of_the_last():
    two = np.where(TRUTH == "a", "no", "yes")
    assert roc_table(two, TABLE[:, :2], ("no", "yes"))["class"].unique().tolist() == [
        "yes"
    ]


def test_a_class_without_rows_has_no_curve():
    assert roc_table(["a", "b"], TABLE[:2], THREE)["class"].unique().tolist() == [
        "a",
        "b",
    ]
    assert roc_table(["a", "a"], TABLE[:2, :2], ("a", "b")).empty


def test_bins_of_the_calibration_hold_all_rows_in_order():
    bins = calibration_table(TRUTH, TABLE, THREE, n_bins=5)
    assert bins.groupby("class")["n_rows"].sum().tolist() == [90, 90, 90]
    assert bins["n_rows"].between(17, 19).all()
    by_class = bins.groupby("class")
    assert by_class["predicted"].is_monotonic_increasing.all()
    means = by_class.apply(
        lambda part: np.average(part["observed"], weights=part["n_rows"])
    )
    np.testing.assert_allclose(means, [(label == TRUTH).mean() for label in THREE])


def test_equal_probabilities_stay_in_one_bin():
    bins = calibration_table(TRUTH, np.full((90, 3), 1 / 3), THREE)
    assert bins["n_rows"].tolist() == [90, 90, 90]


def test_intervals_are_wilsons():
    lower, upper = wilson_interval(0.3, 40)
    expected = proportion_confint(12, 40, method="wilson")
    np.testing.assert_allclose([lower, upper], expected, rtol=1e-12)


def test_the_confusion_is_that_of_scikit_learn():
    guess = RNG.permutation(TRUTH)
    counts = confusion_table(TRUTH, guess, THREE)["n_rows"].to_numpy().reshape(3, 3)
    np.testing.assert_array_equal(counts, skm.confusion_matrix(TRUTH, guess))


def test_a_class_without_rows_has_no_shares():
    shares = confusion_table(["a"], ["b"], ("a", "b"))["share"].to_numpy()
    np.testing.assert_array_equal(shares, [0.0, 1.0, np.nan, np.nan])
