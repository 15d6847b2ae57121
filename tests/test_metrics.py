import numpy as np
import pytest
from sklearn import metrics as skm
from sklearn.linear_model import LinearRegression

from flexcv import Metric, MetricsDict, ObjectiveScorer
from flexcv.metrics import (
    CLASS_METRICS,
    KNOWN_METRICS,
    mean_squared_error,
    resolve_metrics,
    resolve_objective,
)

Y = np.array([1.0, 2.0, 4.0])
P = np.array([1.5, 2.0, 3.0])


def test_defaults_are_r2_mse_and_mae():
    assert [metric.name for metric in resolve_metrics(None)] == ["r2", "mse", "mae"]


def test_names_functions_metrics_and_dictionaries_are_accepted():
    for given in (
        "mae",
        ["mae"],
        Metric("mae", skm.mean_absolute_error),
        {"mae": "mae"},
        MetricsDict(mae=skm.mean_absolute_error),
    ):
        (metric,) = resolve_metrics(given)
        assert metric.name == "mae"
        assert metric(Y, P) == pytest.approx(0.5)


def test_a_plain_function_keeps_its_name():
    def bias(y_true, y_pred):
        return float(np.mean(y_pred - y_true))

    (metric,) = resolve_metrics([bias])
    assert (metric.name, metric.greater_is_better) == ("bias", None)


def test_the_direction_of_known_functions_is_known():
    (metric,) = resolve_metrics({"mine": skm.r2_score})
    assert metric.greater_is_better is True


@pytest.mark.parametrize(
    "name", ["neg_mean_squared_error", "r2", "neg_median_absolute_error"]
)
def test_scikit_learns_scorers_give_scikit_learns_scores(name):
    X = np.arange(6.0).reshape(-1, 1)
    y = np.array([0.0, 1.0, 1.5, 3.5, 4.0, 5.0])
    model = LinearRegression().fit(X, y)
    (metric,) = resolve_metrics(name)
    expected = skm.get_scorer(name)(model, X, y)
    assert metric(y, model.predict(X)) == pytest.approx(expected, abs=1e-15)


def test_every_known_metric_scores():
    for name, metric in KNOWN_METRICS.items():
        if name not in CLASS_METRICS:
            assert np.isfinite(metric(Y, P))


def refusal(function, *arguments):
    with pytest.raises((TypeError, ValueError)) as caught:
        function(*arguments)
    return str(caught.value)


def test_a_misspelt_metric_is_offered_its_near_miss():
    assert (
        refusal(resolve_metrics, ["rsme"])
        == "unknown metric 'rsme'; did you mean 'rmse'?"
    )


def test_two_metrics_of_one_name_are_refused():
    assert (
        refusal(resolve_metrics, ["r2", "r2"])
        == "`metrics` has more than one called 'r2'; rename one."
    )


def test_no_metric_is_refused():
    assert (
        refusal(resolve_metrics, [])
        == "`metrics` must name at least one metric, got none."
    )


def test_what_is_no_metric_is_refused():
    assert (
        refusal(resolve_metrics, {"a": 3})
        == "metric 'a' must be a function of (y_true, y_pred), got 3."
    )


def test_objectives_say_whether_they_need_the_training_part():
    two = resolve_objective(lambda y_valid, y_pred: 0.0)
    four = resolve_objective(lambda y_valid, y_pred, y_train_in, y_pred_train: 1.0)
    assert (two.needs_train, four.needs_train) == (False, True)
    assert four(Y, P, Y, P) == 1.0


def test_an_objective_can_be_a_metrics_name_in_its_own_direction():
    assert resolve_objective("r2").greater_is_better
    assert not resolve_objective("mse").greater_is_better
    assert resolve_objective("neg_mean_absolute_error").greater_is_better


def test_the_default_objective_is_the_mean_squared_error():
    assert resolve_objective(None)(Y, P) == pytest.approx(skm.mean_squared_error(Y, P))
    assert mean_squared_error(Y, P) == pytest.approx(skm.mean_squared_error(Y, P))


def test_an_objective_of_three_arguments_is_refused():
    def odd(a, b, c):
        return 0.0

    assert refusal(ObjectiveScorer, odd) == (
        "an objective must take (y_valid, y_pred, y_train_in, y_pred_train) or "
        "(y_valid, y_pred), got odd(a, b, c)."
    )
