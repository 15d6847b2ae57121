"""Sums over a subject's rows stand for the rows."""

import numpy as np
import pytest

from flexcv.models.mixtures import sums as module
from flexcv.models.mixtures.sums import subject_sums
from tests.models.curve_tables import random_sums


def test_sums_are_products_of_the_rows_of_each_subject():
    sums, (X, W, y, codes) = random_sums(p=2)
    assert (len(sums), sums.n_fixed) == (12, 2)
    for subject in range(12):
        x, w, own = X[codes == subject], W[codes == subject], y[codes == subject]
        np.testing.assert_allclose(sums.gram[subject], x.T @ x)
        np.testing.assert_allclose(sums.cross[subject], x.T @ own)
        assert sums.square[subject] == pytest.approx(own @ own)
        assert sums.sizes[subject] == len(own)
        np.testing.assert_allclose(sums.fixed_cross[subject], x.T @ w)
        np.testing.assert_allclose(sums.fixed_gram[subject], w.T @ w)
        np.testing.assert_allclose(sums.fixed_target[subject], w.T @ own)


def test_blocks_and_the_order_of_rows_change_nothing(monkeypatch):
    sums, (X, W, y, codes) = random_sums(p=1)
    order = np.random.default_rng(0).permutation(len(codes))
    monkeypatch.setattr(module, "BLOCK_ROWS", 7)
    again = subject_sums(X[order], W[order], y[order], codes[order], 12)
    np.testing.assert_allclose(again.gram, sums.gram)
    np.testing.assert_allclose(again.fixed_target, sums.fixed_target)


def test_a_fixed_part_that_is_taken_out_is_as_if_the_target_lacked_it():
    sums, (X, W, y, codes) = random_sums(p=2)
    beta = np.array([0.7, -1.2])
    wanted = subject_sums(X, W, y - W @ beta, codes, 12)
    found = sums.less_fixed(beta)
    for name in ("cross", "square", "fixed_target"):
        np.testing.assert_allclose(
            getattr(found, name), getattr(wanted, name), atol=1e-12
        )


def test_visits_are_added_and_subjects_put_behind_each_other():
    sums, _ = random_sums()
    more, _ = random_sums(seed=1)
    both = sums.plus(more)
    np.testing.assert_allclose(both.gram, sums.gram + more.gram)
    np.testing.assert_allclose(both.sizes, sums.sizes + more.sizes)
    behind = sums.followed_by(more.take(np.array([3, 0])))
    assert len(behind) == 14
    np.testing.assert_array_equal(behind.cross[12], more.cross[3])
    np.testing.assert_array_equal(behind.cross[:12], sums.cross)


def test_a_subject_without_a_row_has_sums_of_zero():
    sums = subject_sums(
        np.ones((2, 1)), np.ones((2, 0)), np.ones(2), np.array([2, 0]), 3
    )
    np.testing.assert_array_equal(sums.sizes, [1.0, 0.0, 1.0])
    assert not sums.gram[1].any()
    assert sums.features.shape == (3, 0)
