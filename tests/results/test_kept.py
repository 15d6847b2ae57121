"""Comparisons are computed once, and what is done to an answer stays outside."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Lasso, Ridge

from flexcv import CrossValidation, Metric


@pytest.fixture(scope="module")
def results():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(60, 2))
    cv = CrossValidation().set_data(X, X[:, 0] + rng.normal(size=60))
    return cv.add_model(Ridge).add_model(Lasso).perform().results


def counted(calls):
    def spread(y_true, y_pred):
        calls.append(len(y_true))
        return float(np.var(y_true - y_pred))

    return Metric("spread", spread, False)


@pytest.mark.parametrize("name", ["compare", "interval"])
def test_the_same_question_is_answered_once(results, name):
    calls = []
    metric = counted(calls)
    first = getattr(results, name)(metric)
    n_calls = len(calls)
    again = getattr(results, name)(metric)
    assert len(calls) == n_calls > 0
    assert type(again) is type(first)
    pd.testing.assert_frame_equal(again, first)
    getattr(results, name)(metric, level=0.9)
    assert len(calls) > n_calls


def test_an_answer_can_be_changed(results):
    first = results.interval("mse")
    first["lower"] = 0.0
    assert (results.interval("mse")["lower"] > 0.0).all()
