"""Learners of probabilities and rates on the scale of the link."""

import numpy as np
import pytest
from scipy.special import logit
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from flexcv.models.alternating._link_scale import (
    RAREST,
    SLOWEST,
    OnLinkScale,
    has_poisson_loss,
    learns_rates,
)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 2))
LABELS = (X[:, 0] + RNG.normal(size=60) > 0).astype(float)


def test_a_classifier_predicts_logits_of_the_second_label():
    model = OnLinkScale(LogisticRegression()).fit(X, LABELS)
    plain = LogisticRegression().fit(X, LABELS)
    np.testing.assert_allclose(model.predict(X), plain.decision_function(X), atol=1e-9)


def test_probabilities_of_zero_and_one_are_finite_and_as_far_out():
    model = OnLinkScale(DecisionTreeClassifier()).fit(X, LABELS)
    found = model.predict(X)
    assert set(np.round(found, 9)) == set(np.round(logit([RAREST, 1 - RAREST]), 9))


@pytest.mark.parametrize(("label", "share"), [(0.0, RAREST), (1.0, 1.0 - RAREST)])
def test_one_label_alone_has_its_own_side(label, share):
    model = OnLinkScale(DecisionTreeClassifier()).fit(X, np.full(60, label))
    np.testing.assert_allclose(model.predict(X), logit(share))


def test_rates_become_logarithms_and_zero_a_thousandth_of_the_average():
    counts = np.where(X[:, 0] > 0, 4.0, 0.0)
    model = OnLinkScale(RandomForestRegressor(5, bootstrap=False)).fit(X, counts)
    found = model.predict(X)
    np.testing.assert_allclose(found[counts > 0], np.log(4.0))
    np.testing.assert_allclose(found[counts == 0], np.log(SLOWEST * counts.mean()))


def test_unknown_predictions_stay_unknown():
    model = OnLinkScale(RandomForestClassifier(5)).fit(X, LABELS)
    values = np.array([[0.5, 0.5], [np.nan, np.nan]])
    found = model.as_predicted(values, model.learner_)
    assert found[0] == 0.0
    assert np.isnan(found[1])


def test_learners_of_rates_are_told_by_their_loss_or_as_averages():
    scaled = make_pipeline(StandardScaler(), PoissonRegressor())
    assert has_poisson_loss(scaled)
    assert learns_rates(scaled)
    assert not learns_rates(LinearRegression())
    assert learns_rates(RandomForestRegressor())
    assert not has_poisson_loss(RandomForestRegressor())
    assert has_poisson_loss(RandomForestRegressor(criterion="poisson"))
