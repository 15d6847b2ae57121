"""Intervals from predictions: which folds, which groups, computed how often."""

import numpy as np
import pytest
import sklearn.metrics as skm

from flexcv.results.pooled import BootstrapSettings, PooledScores

from .comparison_runs import make_run

FEW = BootstrapSettings(n_bootstrap=200)


def of(predictions, function=skm.mean_squared_error, **settings):
    return PooledScores(predictions, function, FEW, **settings)


def test_models_share_the_folds_that_both_predicted():
    _, predictions = make_run(models=("A", "B"), n_folds=4)
    lost = predictions.query("not (model == 'B' and fold == 2)")
    pooled = of(lost)
    assert pooled.folds("A") == ((0, 0), (0, 1), (0, 2), (0, 3))
    assert pooled.folds("A", "B") == ((0, 0), (0, 1), (0, 3))


def test_the_difference_is_that_of_the_shared_folds():
    _, predictions = make_run(models=("A", "B"), n_folds=4)
    lost = predictions.query("not (model == 'B' and fold == 2)")
    both = predictions.query("fold != 2")
    assert of(lost).difference("A", "B") == of(both).difference("A", "B")


def test_few_groups_have_no_bootstrap():
    _, predictions = make_run(models=("A", "B"), n_groups=7)
    assert of(predictions).single("A") is None
    assert of(predictions).difference("A", "B") is None


def test_without_predictions_or_a_function_there_is_nothing():
    _, predictions = make_run(models=("A",))
    assert of(None).single("A") is None
    assert of(predictions, None).single("A") is None
    assert of(predictions).single("unknown") is None


def test_models_on_other_rows_are_refused():
    _, predictions = make_run(models=("A", "B"))
    moved = predictions.assign(
        y_true=predictions["y_true"] + predictions["model"].eq("B")
    )
    with pytest.raises(ValueError, match="same test rows"):
        of(moved).difference("A", "B")


def test_each_model_is_scored_once_for_all_its_pairs():
    _, predictions = make_run(models=("A", "B", "C"))
    calls = []

    def mse(y_true, y_pred):
        calls.append(1)
        return float(np.mean((y_true - y_pred) ** 2))

    pooled = of(predictions, mse)
    first = pooled.difference("A", "B")
    n_calls = len(calls)
    pooled.difference("A", "C")
    assert len(calls) == n_calls * 3 // 2
    assert pooled.difference("A", "B") == first


def test_a_difference_has_equal_tails():
    _, predictions = make_run(models=("A", "B"), n_groups=20)
    estimate, lower, upper, method = of(predictions).difference("A", "B")
    assert lower < estimate < upper
    assert upper - estimate != pytest.approx(estimate - lower, rel=1e-6)
    assert method == "bootstrap over 20 groups"


def test_an_interval_that_would_pass_a_limit_is_built_on_the_scale():
    _, predictions = make_run(models=("A",), n_groups=8)
    free = of(predictions).single("A")
    limits = (free[1] + 0.2 * (free[0] - free[1]), np.inf)
    estimate, lower, upper, method = of(predictions, limits=limits).single("A")
    assert limits[0] < lower < estimate < upper
    assert method == "log bootstrap over 8 groups"
    assert of(predictions, limits=(0.0, np.inf)).single("A") == free


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"level": 1.0}, "`level` must lie between 0 and 1, got 1.0"),
        ({"n_bootstrap": 5}, "n_bootstrap"),
        ({"seed": -1}, "seed"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(ValueError, match=message):
        BootstrapSettings(**settings)
