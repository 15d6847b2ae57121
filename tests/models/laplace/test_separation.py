"""Directions in which the likelihood grows without end."""

import numpy as np
import pytest

from flexcv.models.laplace.families import Binomial, Gamma, NegativeBinomial, Poisson
from flexcv.models.laplace.separation import looks_separated, separating_columns

RNG = np.random.default_rng(0)
X = np.vstack([np.ones(80), RNG.normal(size=(3, 80))])


def test_the_separating_column_is_found_among_others():
    assert separating_columns(Binomial(), 1.0 * (X[2] > 0.3), X) == [2]


def test_two_columns_that_separate_together_are_both_named():
    y = 1.0 * (X[1] + X[3] > 0.0)
    assert separating_columns(Binomial(), y, X) == [1, 3]


def test_one_overlapping_row_is_enough_for_an_estimate():
    y = 1.0 * (X[2] > 0.0)
    y[np.argmax(X[2])] = 0.0
    assert separating_columns(Binomial(), y, X) is None


def test_a_cell_of_one_class_separates_though_the_rest_overlaps():
    cell = np.zeros(80)
    cell[:5] = 1.0
    y = np.where(cell == 1.0, 1.0, np.tile([0.0, 1.0], 40))
    assert separating_columns(Binomial(), y, np.vstack([X, cell])) == [4]


def test_shares_inside_the_interval_hold_their_rows():
    y = np.full(80, 0.5)
    y[0], y[1] = 0.0, 1.0
    assert separating_columns(Binomial(), y, X) is None


@pytest.mark.parametrize("family", [Poisson(), NegativeBinomial()])
def test_counts_are_separated_by_zeros_only(family):
    cell = np.zeros(80)
    cell[:5] = 1.0
    lines = np.vstack([np.ones(80), cell])
    zeros = np.where(cell == 1.0, 0.0, np.tile([0.0, 3.0], 40))
    assert separating_columns(family, zeros, lines) == [1]
    assert separating_columns(family, zeros + 1.0, lines) is None


def test_positive_numbers_are_never_separated():
    assert separating_columns(Gamma(), np.exp(X[1]), X) is None


def test_only_far_fits_look_separated():
    assert not looks_separated(np.array([0.5, 1.0, 0.0, 0.0]), X, np.zeros(80))
    assert looks_separated(np.array([0.5, 20.0, 0.0, 0.0]), X, np.zeros(80))
    assert not looks_separated(np.array([0.5, 1.0, 0.0, 0.0]), X, np.full(80, 30.0))
    assert not looks_separated(np.zeros(0), np.zeros((0, 80)), np.zeros(80))
