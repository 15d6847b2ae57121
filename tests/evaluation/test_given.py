"""What a chain predicts once rows are known, against the same thing done by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flexcv import CrossValidation
from flexcv.evaluation.given import _told, takes_known
from flexcv.evaluation.thresholds import AtThreshold
from flexcv.models import GeneralizedLinearMixedModel, LinearMixedEffectsModel


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(12), 8)
    table = pd.DataFrame({"x": rng.normal(size=96) + group / 4, "group": group})
    noise = rng.normal(size=96)
    return table.assign(y=table.x + 2 * rng.normal(size=12)[group] + noise)


def chain_of(table, **splits):
    cv = CrossValidation().set_data(table[["x", "group"]], table["y"], groups="group")
    cv.set_splits("GroupKFold", n_splits_out=3, known_rows=(0, 2, 4), **splits)
    return cv.set_run(silence="groups-unused")


@pytest.mark.parametrize("between", [False, True])
def test_predictions_are_those_of_the_model_given_the_rows(table, between):
    cv = chain_of(table).add_model(
        LinearMixedEffectsModel, model_kwargs={"between": between}
    )
    results = cv.perform().get_results()
    for fold, result in zip(cv.plan, results.folds, strict=True):
        [model] = [result.estimator[-1]]
        inside = result.estimator[0].transform(table[["x", "group"]])
        known = fold.known_rows.known(2)
        rest = np.setdiff1d(fold.test, known)
        pair = (inside.iloc[known], table["y"].iloc[known])

        by_hand = pd.Series(model.predict(inside.iloc[rest], known=pair), rest)

        expected = by_hand[fold.known_rows.asked].to_numpy()
        assert np.array_equal(result.known.predicted[1], expected)
        test = pd.Series(result.test.predicted, result.test.rows)
        before = test[fold.known_rows.asked].to_numpy()
        assert np.array_equal(result.known.predicted[0], before)


def test_a_plain_model_keeps_no_predictions_of_its_own(table):
    cv = chain_of(table).add_model(LinearRegression)
    result = cv.perform().get_results().folds[0]
    assert result.known.predicted == ()
    assert result.known.counts == (0, 2, 4)


def test_a_pipeline_that_ends_in_a_mixed_model_is_told(table):
    scaler = StandardScaler().set_output(transform="pandas")
    bare = make_pipeline("passthrough", LinearMixedEffectsModel("group"))
    cv = chain_of(table).add_model(bare, model_name="pipeline")
    cv.add_model(LinearMixedEffectsModel("group"), model_name="model")

    pipeline, model = cv.perform().get_results().folds[:2]

    assert np.allclose(pipeline.known.predicted[2], model.known.predicted[2])
    assert takes_known(bare)
    assert not takes_known(make_pipeline(scaler, LinearRegression()))


def test_a_model_that_takes_no_groups_into_account_is_flat():
    assert not takes_known(LinearMixedEffectsModel())
    assert not takes_known(LinearMixedEffectsModel("g", known_groups="population"))


def test_probabilities_are_kept_for_every_number(table):
    table["y"] = np.where(table["y"] > table["y"].median(), "high", "low")
    model = GeneralizedLinearMixedModel(family="binomial")
    results = chain_of(table).add_model(model, model_name="m").perform().get_results()
    known = results.folds[0].known
    assert len(known.probabilities) == 3
    assert np.allclose(known.probabilities[2].sum(axis=1), 1.0)
    assert not np.allclose(known.probabilities[0], known.probabilities[2])
    losses = results.by_known_rows("log_loss")["score"]
    assert losses[1:].max() < losses[0]


def test_a_threshold_counts_for_known_rows_too(table):
    y = pd.Series(np.where(table["y"] > 1, "high", "low"), name="y")
    model = GeneralizedLinearMixedModel("group", family="binomial")
    inside = table[["x", "group"]]
    fitted = AtThreshold.around(model.fit(inside, y), 0.9, ("high", "low"))
    new = inside.head(8).assign(group=77)

    told = _told(fitted, new.head(4), y.head(4).to_numpy())

    shares = model.predict_proba(new, known=(new.head(4), y.head(4)))[:, 1]
    assert np.array_equal(told.predict_proba(new)[:, 1], shares)
    labels = np.where(shares >= 0.9, "low", "high")
    assert told.predict(new).tolist() == labels.tolist()
    assert takes_known(fitted)


def test_workers_bring_the_same_predictions_back(table):
    cv = chain_of(table).add_model(LinearMixedEffectsModel)
    one = cv.perform().get_results().known_rows_predictions
    two = cv.copy().set_run(n_jobs=2).perform().get_results().known_rows_predictions
    pd.testing.assert_frame_equal(one, two)
