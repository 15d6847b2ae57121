"""MERF for two classes and for counts."""

import pickle
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    RidgeClassifier,
)
from sklearn.metrics import log_loss, mean_poisson_deviance
from sklearn.neighbors import KNeighborsRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from flexcv import CrossValidation
from flexcv.datasets import load_verbagg
from flexcv.errors import ModelError
from flexcv.merf import MERF
from flexcv.models import GeneralizedLinearMixedModel

LOGISTIC = LogisticRegression(C=np.inf)


def drawn(seed, n_groups=60, n_rows=15, family="binomial", variance=1.0):
    """Draw a training and a test table of the same groups, and the realised effects."""
    rng = np.random.default_rng(seed)
    n = n_groups * n_rows
    table = pd.DataFrame(rng.normal(size=(2 * n, 2)), columns=["a", "b"])
    table["g"] = np.tile(np.repeat(np.arange(n_groups), n_rows), 2)
    effects = np.sqrt(variance) * rng.normal(size=n_groups)
    linear = 1.5 * (table["a"] > 0) - 0.7 + 0.8 * table["b"] + effects[table["g"]]
    if family == "binomial":
        y = np.where(rng.random(2 * n) < expit(linear), "yes", "no")
    else:
        y = rng.poisson(np.exp(0.5 * linear))
    train, test = table[:n], table[n:]
    return train, y[:n], test, y[n:], effects


def nobody(table):
    """Return the same rows for groups that training did not show."""
    return table.assign(g=-1)


@parametrize_with_checks(
    [
        MERF(RandomForestClassifier(10, min_samples_leaf=3), family="binomial"),
        MERF(LinearRegression(), family="binomial"),
    ]
)
def test_without_groups_it_is_an_ordinary_estimator(estimator, check):
    check(estimator)


def test_the_family_decides_what_kind_of_estimator_it_is():
    assert is_classifier(MERF(family="binomial"))
    assert is_regressor(MERF(family="poisson"))
    assert is_regressor(MERF())
    assert hasattr(MERF(family="binomial"), "predict_proba")
    assert not hasattr(MERF(family="poisson"), "predict_proba")


@pytest.mark.parametrize(
    "learner",
    [
        RandomForestClassifier(60, min_samples_leaf=5),
        RandomForestRegressor(60, min_samples_leaf=5),
        HistGradientBoostingClassifier(max_iter=40, max_depth=3),
        LOGISTIC,
        LinearRegression(),
    ],
    ids=lambda learner: type(learner).__name__,
)
def test_known_groups_of_two_classes_gain_and_new_ones_lose_nothing(learner):
    train, y, test, truth, _ = drawn(1)
    model = MERF(learner, "g", family="binomial", random_state=0).fit(train, y)
    plain = MERF(learner, family="binomial", random_state=0)
    plain.fit(train[["a", "b"]], y)
    known = log_loss(truth, model.predict_proba(test))
    new = log_loss(truth, model.predict_proba(nobody(test)))
    alone = log_loss(truth, plain.predict_proba(test[["a", "b"]]))
    assert known < alone - 0.02
    assert new < alone + 0.02


@pytest.mark.parametrize(
    "learner",
    [
        RandomForestRegressor(60, min_samples_leaf=5),
        HistGradientBoostingRegressor(max_iter=40, max_depth=3, loss="poisson"),
        PoissonRegressor(alpha=0.0),
        LinearRegression(),
    ],
    ids=lambda learner: type(learner).__name__,
)
def test_known_groups_of_counts_gain_and_new_ones_lose_nothing(learner):
    train, y, test, truth, _ = drawn(2, family="poisson")
    model = MERF(learner, "g", family="poisson", random_state=0).fit(train, y)
    plain = MERF(learner, family="poisson", random_state=0)
    plain.fit(train[["a", "b"]], y)
    known = mean_poisson_deviance(truth, model.predict(test))
    new = mean_poisson_deviance(truth, model.predict(nobody(test)))
    alone = mean_poisson_deviance(truth, plain.predict(test[["a", "b"]]))
    assert known < alone - 0.05
    assert new < alone + 0.01


@pytest.mark.slow
@pytest.mark.parametrize(
    "learner",
    [
        RandomForestClassifier(60, min_samples_leaf=5),
        HistGradientBoostingClassifier(max_iter=25, max_depth=3),
        HistGradientBoostingRegressor(max_iter=25, max_depth=3),
    ],
    ids=lambda learner: type(learner).__name__,
)
def test_the_group_variance_is_not_halved(learner):
    # Penalised quasi-likelihood finds .43 to .55 of it.
    shares = []
    for seed in range(4):
        train, y, _, _, effects = drawn(seed, 100, 16)
        model = MERF(learner, "g", family="binomial", random_state=0).fit(train, y)
        found = model.variance_components_["variance"][0]
        shares.append(found / effects.var())
    assert np.mean(shares) == pytest.approx(1.0, abs=0.2)


@pytest.mark.parametrize("learner", [LOGISTIC, LinearRegression()])
def test_around_a_linear_learner_it_is_the_generalised_linear_mixed_model(learner):
    train, y, test, _, _ = drawn(3)
    model = MERF(learner, "g", family="binomial", tol=1e-8).fit(train, y)
    reference = GeneralizedLinearMixedModel("g", n_quadrature=9).fit(train, y)
    found = model.variance_components_["variance"][0]
    expected = reference.variance_components_["variance"][0]
    assert found == pytest.approx(expected, rel=0.02)
    np.testing.assert_allclose(
        model.predict_proba(test), reference.predict_proba(test), atol=0.01
    )


def test_a_new_group_has_the_mean_probability_over_groups():
    train, y, test, _, _ = drawn(4)
    model = MERF(LOGISTIC, "g", family="binomial", random_state=0).fit(train, y)
    rows = nobody(test.head(5))
    deviation = np.sqrt(model.variance_components_["variance"][0])
    effects = deviation * np.random.default_rng(0).normal(size=200_000)
    linear = model.predict_linear(rows)
    expected = [expit(one + effects).mean() for one in linear]
    np.testing.assert_allclose(model.predict_proba(rows)[:, 1], expected, atol=2e-3)
    assert (np.abs(expit(linear) - 0.5) > np.abs(np.array(expected) - 0.5)).all()


def test_the_population_is_what_new_groups_get():
    train, y, test, _, _ = drawn(4)
    model = MERF(LOGISTIC, "g", family="binomial").fit(train, y)
    expected = model.predict_proba(nobody(test))
    model.set_params(known_groups="population")
    np.testing.assert_allclose(model.predict_proba(test), expected)


def test_labels_come_back_as_they_were_given():
    train, y, test, _, _ = drawn(5)
    model = MERF(LOGISTIC, "g", family="binomial").fit(train, y)
    assert model.classes_.tolist() == ["no", "yes"]
    predicted = model.predict(test)
    second = model.predict_proba(test)[:, 1] > 0.5
    assert (predicted == np.where(second, "yes", "no")).all()


def test_random_slopes_and_crossed_factors_are_laplace_approximations():
    train, y, test, truth, _ = drawn(6)
    slopes = MERF(LOGISTIC, "g", slopes="b", family="binomial").fit(train, y)
    assert slopes.variance_components_["name"].tolist() == ["Intercept", "b"]
    answers = load_verbagg().iloc[::4]
    X = pd.get_dummies(answers[["Anger", "btype", "situ", "mode"]], dtype=float)
    X = X.assign(id=answers["id"], item=answers["item"])
    crossed = MERF(LOGISTIC, random="(1 | id) + (1 | item)", family="binomial")
    crossed.fit(X, answers["r2"])
    assert crossed.variance_components_["group"].tolist() == ["id", "item"]
    assert (crossed.variance_components_["variance"] > 0.1).all()
    assert log_loss(truth, slopes.predict_proba(test)) < 0.69


def test_the_trace_has_a_row_per_round_and_no_residual_variance():
    train, y, *_ = drawn(7)
    seen = []
    model = MERF(
        LOGISTIC,
        "g",
        family="binomial",
        tol=None,
        max_iterations=4,
        callbacks=seen.append,
    ).fit(train, y)
    assert model.trace_.index.tolist() == [1, 2, 3, 4]
    assert [row["iteration"] for row in seen] == [1, 2, 3, 4]
    assert model.trace_["sigma2"].isna().all()
    assert all(new >= old - 1e-6 for old, new in pairwise(model.trace_["loglik"]))
    assert model.plot_convergence()


def test_the_validation_loss_is_the_log_loss_of_rows_kept_apart():
    train, y, *_ = drawn(7)
    model = MERF(LOGISTIC, "g", family="binomial", validation_fraction=0.2)
    trace = model.set_params(random_state=0).fit(train, y).trace_
    assert (trace["validation_loss"] < np.log(2.0)).all()


def test_equal_seeds_give_equal_fits_that_survive_a_pickle():
    train, y, test, _, _ = drawn(8)
    model = MERF(RandomForestClassifier(20), "g", family="binomial", random_state=3)
    first, second = clone(model).fit(train, y), clone(model).fit(train, y)
    np.testing.assert_array_equal(first.predict_proba(test), second.predict_proba(test))
    again = pickle.loads(pickle.dumps(first))
    np.testing.assert_array_equal(first.predict_proba(test), again.predict_proba(test))


def test_a_learner_that_knows_nothing_is_left_out():
    train, y, *_ = drawn(9)
    noise = train.assign(a=np.random.default_rng(0).normal(size=len(train)))[["a", "g"]]
    model = MERF(RandomForestClassifier(30), "g", family="binomial", random_state=0)
    slope = model.fit(noise, y).learner_slope_
    assert 0.0 <= slope < 0.25


def test_a_learner_without_weights_gets_the_working_response():
    train, y, test, truth, _ = drawn(10)
    model = MERF(KNeighborsRegressor(40), "g", family="binomial").fit(train, y)
    assert log_loss(truth, model.predict_proba(test)) < 0.65


@pytest.mark.parametrize(
    ("model", "target", "message"),
    [
        (
            MERF(LOGISTIC, "g"),
            "labels",
            "MERF around the classifier LogisticRegression needs family='binomial', "
            "got None; set it, or pass a regressor.",
        ),
        (
            MERF(RidgeClassifier(), "g", family="binomial"),
            "labels",
            "MERF needs a classifier that predicts probabilities, and RidgeClassifier "
            "has no predict_proba; switch its probabilities on, or pass a regressor, "
            "which is fitted to the working response.",
        ),
        (
            MERF(LOGISTIC, "g", family="binomial"),
            "three",
            "Only binary classification is supported. A binomial target must have two "
            "classes, got 3: ['a', 'b', 'c']; merge classes, take a multiclass model, or for counts another `family`.",
        ),
        (
            MERF(None, "g", family="poisson"),
            "negative",
            "a Poisson target must hold counts (0, 1, 2, ...), got -1; take another "
            "family.",
        ),
        (
            MERF(LOGISTIC, "g", family="binomial", solver="em"),
            "labels",
            "solver='em' is for normal outcomes, got it with family='binomial'; leave "
            "`solver` out.",
        ),
        (
            MERF(None, "g", family="poisson", warm_start=True),
            "counts",
            "warm_start=True is for normal outcomes, got it with family='poisson'; "
            "leave `warm_start` out.",
        ),
        (
            MERF(None, "g", family="binomal"),
            "labels",
            "`family` must be one of 'gaussian', 'binomial', 'poisson', got 'binomal'; did you "
            "mean 'binomial'?",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(model, target, message):
    train, labels, *_ = drawn(11, 6, 5)
    targets = {
        "labels": labels,
        "three": np.resize(["a", "b", "c"], len(train)),
        "counts": np.arange(len(train)),
        "negative": np.resize([1.0, -1.0, 2.0], len(train)),
    }
    with pytest.raises(ValueError) as error:
        model.fit(train, targets[target])
    assert str(error.value) == message


def test_intervals_are_for_normal_outcomes():
    train, y, *_ = drawn(12, 10, 5)
    model = MERF(LOGISTIC, "g", family="binomial").fit(train, y)
    with pytest.raises(ModelError) as error:
        model.predict_interval(train)
    assert str(error.value) == (
        "`predict_interval` is for normal outcomes, and this model has "
        "family='binomial'; use predict_proba, predict or predict_linear."
    )


@pytest.mark.parametrize("kind", [list, np.asarray, pd.Series])
def test_row_weights_follow_the_rows_that_are_kept_apart(kind):
    train, y, test, _, _ = drawn(13, 20, 10)
    model = MERF(
        HistGradientBoostingClassifier(max_iter=5),
        "g",
        family="binomial",
        validation_fraction=0.2,
        max_iterations=2,
        tol=None,
        random_state=0,
    )
    weights = np.ones(len(train))
    weighted = clone(model).fit(train, y, sample_weight=kind(weights))
    plain = clone(model).fit(train, y)
    np.testing.assert_allclose(
        weighted.predict_proba(test), plain.predict_proba(test), atol=1e-8
    )


def test_around_a_learner_of_counts_the_chain_makes_it_poisson():
    train, y, *_ = drawn(14, 20, 10, family="poisson")
    cv = CrossValidation().set_data(train[["a", "b"]], y, groups=train["g"])
    cv = cv.set_splits("KFold", n_splits_out=2).set_run(silence="groups-ignored")
    results = cv.add_model(PoissonRegressor()).set_merf(True, 5).perform().results
    mixed = results.estimators["MERF(PoissonRegressor)"][0]["model"]
    assert mixed.family == "poisson"
