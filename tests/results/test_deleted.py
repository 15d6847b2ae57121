"""Scores without a group, from sums of groups and row by row."""

import functools

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as skm
from hypothesis import given, settings
from hypothesis import strategies as st

from flexcv.dataset import Task
from flexcv.metrics import KNOWN_METRICS
from flexcv.metrics.classes import roc_auc
from flexcv.metrics.deletion import DELETIONS, deletion_of
from flexcv.results.deleted import _row_by_row, deleted_scores
from flexcv.results.scorable import scorable

NUMBERS = [f for f in DELETIONS if f.__module__.startswith("sklearn")]
OF_CLASSES = ["log_loss", "brier", "accuracy", "balanced_accuracy", "roc_auc"]


def assert_alike(one, other):
    for mine, yours in zip(one, other, strict=True):
        np.testing.assert_allclose(mine, yours, rtol=1e-9, atol=1e-12)


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(NUMBERS),
    st.integers(2, 8),
    st.integers(0, 3),
    st.floats(-1e4, 1e4),
    st.integers(0, 10**6),
)
def test_sums_say_what_the_metric_says(function, n_groups, n_swaps, shift, seed):
    rng = np.random.default_rng(seed)
    codes = np.concatenate([np.arange(n_groups), rng.integers(0, n_groups, 25)])
    y_true = shift + rng.normal(size=len(codes))
    y_pred = y_true + rng.normal(size=len(codes))
    others = y_true[:, None] + rng.normal(size=(len(codes), n_swaps))
    quick = deletion_of(function)(y_true, y_pred, list(others.T), codes, n_groups)
    assert_alike(quick, _row_by_row(function, y_true, y_pred, others, codes, n_groups))


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 7), st.integers(0, 3), st.integers(1, 6), st.integers(0, 10**6))
def test_pairs_say_what_the_roc_curve_says(n_groups, n_swaps, n_values, seed):
    rng = np.random.default_rng(seed)
    codes = np.concatenate(
        [np.repeat(np.arange(n_groups), 2), rng.integers(0, n_groups, 20)]
    )
    # Each group has both classes, and few values make many ties.
    label = np.concatenate([np.tile(["n", "y"], n_groups), rng.choice(["n", "y"], 20)])
    score, *others = rng.integers(0, n_values + 1, (n_swaps + 1, len(codes))) / n_values

    def area(y_true, probabilities):
        return roc_auc(y_true, probabilities, ("n", "y"))

    quick = deletion_of(functools.partial(roc_auc, classes=("n", "y")))(
        label, score, others, codes, n_groups
    )
    table = np.stack(others, axis=1) if others else np.empty((len(codes), 0))
    assert_alike(quick, _row_by_row(area, label, score, table, codes, n_groups))


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("classes", [("a", "b"), ("a", "b", "c")])
@pytest.mark.parametrize("name", OF_CLASSES)
def test_sums_of_classes_say_what_the_metric_says(name, classes, weighted):
    if name == "roc_auc" and (weighted or len(classes) > 2):
        pytest.skip("it is for two classes, and counts rows one by one with weights")
    rng = np.random.default_rng(3)
    n_rows, n_classes = 90, len(classes)
    chances = rng.dirichlet(np.ones(n_classes), n_rows)
    task = Task(classes)
    dtype = pd.CategoricalDtype(list(classes))
    frame = pd.DataFrame(
        {
            "model": "M",
            "repeat": 0,
            "fold": np.arange(n_rows) % 3,
            "row": np.arange(n_rows),
            "group": np.arange(n_rows) % 9,
            "y_true": pd.Categorical.from_codes(
                rng.integers(0, n_classes, n_rows), dtype=dtype
            ),
            "y_pred": pd.Categorical.from_codes(chances.argmax(axis=1), dtype=dtype),
            **dict(zip(task.columns, chances.T, strict=True)),
            "part": "test",
        }
    )
    if weighted:
        frame["weight"] = rng.exponential(size=n_rows)
    rows, [metric] = scorable(frame, [KNOWN_METRICS[name]], task)
    [quick] = deleted_scores(rows, metric.function, 0)
    [slow] = deleted_scores(rows, metric.function.__call__, 0)
    assert deletion_of(metric.function) is not None
    assert_alike((quick.whole, quick.without), (slow.whole, slow.without))


def test_a_constant_target_scores_as_in_scikit_learn():
    sums = deletion_of(skm.r2_score)
    for predicted in ([2.0, 2.0, 2.0], [2.0, 2.0, 3.0]):
        terms = sums.terms([2.0, 2.0, 2.0], predicted).sum(axis=0)
        expected = skm.r2_score([2.0, 2.0, 2.0], predicted)
        assert sums.combine(terms, np.array(3.0)) == expected


def test_a_function_of_ones_own_is_not_made_of_known_sums():
    assert deletion_of(lambda y_true, y_pred: 0.0) is None
    assert deletion_of(skm.median_absolute_error) is None
