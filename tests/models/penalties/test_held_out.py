"""Penalised fits that leave rows out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LassoCV
from sklearn.model_selection import GroupKFold, KFold

from flexcv.models.design._effects import Columns
from flexcv.models.design.columns import RandomDesign, learn_random
from flexcv.models.design.terms import random_terms
from flexcv.models.penalties.coordinate_descent import PenalisedRows, whitened_rows
from flexcv.models.penalties.held_out import (
    HeldOut,
    fold_coefficients,
    group_folds,
    held_out_path,
    out_of_fold,
    row_folds,
)
from flexcv.models.penalties.whitening import learn_whitening

RNG = np.random.default_rng(3)
CODES = np.repeat(np.arange(12), 5)
COLUMNS = RNG.normal(size=(60, 8))
TARGET = COLUMNS[:, 0] + RNG.normal(size=12)[CODES] + RNG.normal(size=60)


def rows_of(random: str = "(1 | g)") -> PenalisedRows:
    table = pd.DataFrame({"g": CODES, "h": np.arange(60) % 4})
    terms = random_terms(random=random) if random else ()
    _, design = learn_random(Columns(table), terms)
    return PenalisedRows(COLUMNS, np.ones((60, 1)), TARGET, design)


@pytest.mark.parametrize("folds", [4, 50, GroupKFold(3)])
def test_groups_are_left_out_as_a_whole_and_each_row_once(folds) -> None:
    made = group_folds(folds, rows_of().design, TARGET)
    for fold in made:
        assert not set(CODES[fold.train]) & set(CODES[fold.test])
    tested = np.concatenate([fold.test for fold in made])
    assert sorted(tested) == list(range(60))
    assert len(made) == (folds.n_splits if hasattr(folds, "split") else min(folds, 12))


def test_rows_are_left_out_where_there_is_no_factor() -> None:
    made = group_folds(3, RandomDesign((), 60), TARGET)
    assert [len(fold.test) for fold in made] == [20, 20, 20]
    again = row_folds(3, TARGET)
    for one, other in zip(made, again, strict=True):
        np.testing.assert_array_equal(one.test, other.test)


def test_without_random_effects_the_losses_are_those_of_scikit_learn() -> None:
    rows = rows_of("")
    folds = group_folds(KFold(4), rows.design, TARGET)
    whole = whitened_rows(rows, learn_whitening(rows.design, []), standardise=False)
    alphas = np.geomspace(0.5, 0.01, 7)
    found = held_out_path(rows, folds, [], whole, alphas, 1.0)
    oracle = LassoCV(alphas=alphas, cv=KFold(4), tol=1e-8).fit(COLUMNS, TARGET)
    np.testing.assert_allclose(found.losses.T, oracle.mse_path_, rtol=1e-3)
    assert found.alphas[found.best] == oracle.alpha_


def test_of_losses_that_differ_by_rounding_the_largest_alpha_is_chosen() -> None:
    losses = np.array([[2.0, 1.0 + 1e-13, 1.0], [1.0, 1.0, 1.0 - 1e-13]])
    found = HeldOut(np.array([3.0, 2.0, 1.0]), losses, np.array([5, 5]))
    assert found.best == 1


@pytest.mark.parametrize("random", ["(1 | g)", "(1 | g) + (1 | h)"])
def test_losses_are_measured_in_the_metric_of_the_rows_left_out(random: str) -> None:
    rows = rows_of(random)
    relative = [np.eye(1) for _ in rows.design.factors]
    folds = group_folds(3, rows.design, TARGET)
    whiten = learn_whitening(rows.design, relative)
    whole = whitened_rows(rows, whiten, standardise=True)
    found = held_out_path(rows, folds, relative, whole, np.array([0.2]), 1.0)
    beta = fold_coefficients(
        rows, folds, relative, whole, 0.2, 1.0, [np.zeros(8)] * len(folds)
    )
    fold, test = folds[0], rows.take(folds[0].test)
    train = rows.take(fold.train)
    inner = learn_whitening(train.design, relative)
    gamma = whitened_rows(train, inner, standardise=True).free(beta[0])
    left = test.target - test.penalised @ beta[0] - gamma[0]
    total = np.eye(len(left))
    for factor in test.design.factors:
        total += np.equal.outer(factor.codes, factor.codes)
    wanted = left @ np.linalg.solve(total, left) / len(left)
    assert found.losses[0, 0] == pytest.approx(wanted, rel=1e-3)


def test_each_row_is_predicted_by_the_fold_that_left_it_out() -> None:
    rows, folds = rows_of(), row_folds(4, TARGET)
    betas = [np.full(8, float(k)) for k in range(4)]
    left = out_of_fold(rows, folds, betas)
    for fold, beta in zip(folds, betas, strict=True):
        own = TARGET[fold.test] - COLUMNS[fold.test] @ beta
        np.testing.assert_allclose(left[fold.test], own)
