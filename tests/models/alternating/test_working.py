"""What learners are fitted to when the outcome is not normal."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
)
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flexcv.models.alternating._link_scale import OnLinkScale, learns_rates
from flexcv.models.alternating.out_of_sample import refit
from flexcv.models.alternating.working import (
    weight_argument,
    weighted_labels,
    weighted_rates,
    working_task,
)
from flexcv.models.laplace.families import Binomial, Poisson


def test_at_the_truth_the_working_response_is_right_on_average():
    rng = np.random.default_rng(1)
    fixed, offset = rng.normal(size=200_000), rng.normal(size=200_000)
    for family, draw in (
        (Binomial(), lambda mu: rng.binomial(1, mu)),
        (Poisson(), rng.poisson),
    ):
        y = draw(family.mean(fixed + offset)).astype(float)
        task = working_task(family, y, fixed, offset)
        error = np.average(task.target - fixed, weights=task.weights)
        assert abs(error) < 0.02


def test_working_weights_average_one():
    y = np.array([0.0, 1.0, 1.0, 0.0])
    task = working_task(Binomial(), y, np.linspace(-1, 1, 4), np.zeros(4))
    assert task.weights.mean() == pytest.approx(1.0)


def test_iterated_working_responses_end_at_the_logistic_regression():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(400, 2))
    y = rng.binomial(1, expit(X @ [1.0, -0.5])).astype(float)
    fixed = np.zeros(400)
    for _ in range(12):
        task = working_task(Binomial(), y, fixed, np.zeros(400))
        fixed = LinearRegression().fit(X, task.target, task.weights).predict(X)
    logistic = LogisticRegression(C=np.inf, tol=1e-10).fit(X, y)
    np.testing.assert_allclose(fixed, logistic.decision_function(X), atol=1e-6)


def test_weights_take_a_known_offset_out_of_a_classifier():
    rng = np.random.default_rng(3)
    x = rng.normal(size=200_000)
    offset = 2.0 * rng.normal(size=200_000)
    y = rng.binomial(1, expit(0.4 + x + offset)).astype(float)
    X = x[:, None]
    task = weighted_labels(y, offset)
    fitted = LogisticRegression(C=np.inf).fit(X, task.target, task.weights)
    assert fitted.intercept_[0] == pytest.approx(0.4, abs=0.03)
    assert fitted.coef_[0, 0] == pytest.approx(1.0, abs=0.03)
    ignoring = LogisticRegression(C=np.inf).fit(X, y)
    assert ignoring.coef_[0, 0] < 0.7


def test_out_of_bag_values_of_a_classifier_are_logits():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(200, 1))
    y = rng.binomial(1, expit(2.0 * X[:, 0])).astype(float)
    forest = RandomForestClassifier(50, oob_score=True, random_state=0)
    made = refit(OnLinkScale(forest), X, y, "auto")
    assert made.kind == "oob"
    shares = made.learner.learner_.oob_decision_function_[:, 1]
    np.testing.assert_allclose(expit(made.fitted), np.clip(shares, 0.005, 0.995))


def test_a_classifier_that_saw_one_label_is_certain_of_it():
    X = np.zeros((5, 1))
    fitted = OnLinkScale(RandomForestClassifier(3)).fit(X, np.ones(5))
    np.testing.assert_allclose(expit(fitted.predict(X)), 0.995)


def test_row_weights_find_the_learner_that_takes_them():
    assert weight_argument(LinearRegression()) == "sample_weight"
    assert weight_argument(KNeighborsRegressor()) is None
    inner = make_pipeline(StandardScaler(), LogisticRegression())
    name = "logisticregression__sample_weight"
    assert weight_argument(inner) == name
    assert weight_argument(OnLinkScale(inner)) == name
    assert weight_argument(OnLinkScale(LogisticRegression())) == "sample_weight"


def test_weighted_rates_are_a_poisson_regression_with_an_offset():
    rng = np.random.default_rng(5)
    x, offset = rng.normal(size=100_000), rng.normal(size=100_000)
    y = rng.poisson(np.exp(0.3 + 0.5 * x + offset)).astype(float)
    task = weighted_rates(y, offset)
    fitted = PoissonRegressor(alpha=0.0).fit(x[:, None], task.target, task.weights)
    assert fitted.intercept_ == pytest.approx(0.3, abs=0.02)
    assert fitted.coef_[0] == pytest.approx(0.5, abs=0.02)


def test_learners_of_rates_are_known_by_their_loss():
    assert learns_rates(PoissonRegressor())
    assert learns_rates(make_pipeline(StandardScaler(), PoissonRegressor()))
    assert not learns_rates(LinearRegression())
