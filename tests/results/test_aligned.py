"""Scores and predictions of several models, side by side."""

import numpy as np
import pytest

from flexcv.results.aligned import (
    by_model,
    check_same_folds,
    check_same_rows,
    fold_scores,
    held_out_ratio,
)

from .comparison_runs import make_run, mse

KEYS = ["repeat", "fold", "row"]


@pytest.fixture(scope="module")
def run():
    return make_run()


def test_known_scores_are_taken_and_others_computed_from_predictions(run):
    scores, predictions = run
    known = fold_scores(scores, predictions, "mse", None)
    np.testing.assert_array_equal(known["value"], scores["value"])
    computed = fold_scores(scores, predictions, "again", mse)
    both = known.merge(computed, on=["model", "repeat", "fold"])
    np.testing.assert_allclose(both["value_x"], both["value_y"])
    with pytest.raises(ValueError, match="`metric` must be one of 'mse', got 'msee'"):
        fold_scores(scores, None, "msee", None)


def test_models_stand_across_in_their_own_order(run):
    scores, predictions = run
    wide = by_model(fold_scores(scores[::-1], predictions, "mse", None))
    assert list(wide.columns) == ["B", "A"]
    assert list(wide.index) == [(0, fold) for fold in range(4)]


def test_other_folds_and_other_rows_are_refused(run):
    scores, predictions = run
    folds = fold_scores(scores, predictions, "mse", None)
    check_same_folds(folds)
    shorter = folds[~(folds["model"].eq("B") & folds["fold"].eq(2))]
    with pytest.raises(ValueError, match="'A' has 4 and 'B' has 3, 3 of them shared"):
        check_same_folds(shorter)
    a, b = (predictions[predictions["model"].eq(name)] for name in "AB")
    a, b = (rows[[*KEYS, "y_true"]].reset_index(drop=True) for rows in (a, b))
    check_same_rows("A", "B", a, b)
    with pytest.raises(ValueError, match="those of 'A' and 'B' differ"):
        check_same_rows("A", "B", a, b.assign(y_true=b["y_true"] + 1.0))


def test_the_ratio_of_test_to_training_rows_is_counted_or_that_of_k_folds(run):
    scores, predictions = run
    wide = by_model(fold_scores(scores, predictions, "mse", None))
    counted = held_out_ratio(predictions, wide)
    assert counted == pytest.approx(held_out_ratio(None, wide), abs=0.02)
    assert held_out_ratio(None, wide) == pytest.approx(1 / 3)
    test = predictions[predictions["part"].eq("test")]
    assert held_out_ratio(test, wide) == pytest.approx(1 / 3)
    assert held_out_ratio(None, wide.iloc[:1]) == 1.0
