"""Scores without checks, digit by digit those of scikit-learn."""

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as skm
from hypothesis import given
from hypothesis import strategies as st

from flexcv.metrics import QuickScores
from flexcv.metrics.quick import QUICK

FUNCTIONS = [function for function, _ in QUICK]


@given(st.integers(2, 3000), st.integers(-6, 6), st.integers(0, 10_000))
def test_scores_are_those_of_scikit_learn_to_the_last_digit(n_rows, size, seed):
    rng = np.random.default_rng(seed)
    y = 10.0**size * (rng.normal(size=n_rows) + rng.integers(-9, 9))
    predicted = y + 10.0**size * rng.normal(size=n_rows)
    scores = QuickScores(y, predicted)
    for function in FUNCTIONS * 2:
        assert scores.of(function) == function(y, predicted)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(
    ("y", "predicted"),
    [
        (np.array([1.0]), np.array([1.0])),
        (np.array([1, 2]), np.array([1, 2])),
        (np.array([1.0, 2.0]), np.array([1.0, 2.0, 3.0])),
        (np.array([[1.0, 2.0]]), np.array([[1.0, 2.0]])),
        (np.array([1.0, np.nan]), np.array([1.0, 2.0])),
        (np.array([1.0, 2.0]), np.array([1.0, np.inf])),
        (pd.Series([1.0, 2.0]), np.array([1.0, 2.0])),
    ],
)
def test_what_needs_a_check_is_left_to_scikit_learn(function, y, predicted):
    assert QuickScores(y, predicted).of(function) is None


def test_a_target_without_spread_is_left_to_scikit_learn():
    scores = QuickScores(np.array([2.0, 2.0]), np.array([1.0, 3.0]))
    assert scores.of(skm.r2_score) is None
    assert scores.of(skm.mean_squared_error) == 1.0


def test_what_is_scored_stays_as_it_was():
    y, predicted = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0])
    scores = QuickScores(y, predicted)
    for function in FUNCTIONS:
        scores.of(function)
    assert y.tolist() == [1.0, 2.0, 4.0]
    assert predicted.tolist() == [1.0, 3.0, 2.0]
