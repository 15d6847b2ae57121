import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flexcv.evaluation import TraceAdvanced
from flexcv.evaluation.watching import can_be_watched, trace_of, watched
from flexcv.resampling import Fold

ROWS = np.arange(2)
FOLD = Fold(1, 2, 0, ROWS, ROWS)


class Descent(RegressorMixin, BaseEstimator):
    """Learns a mean in steps and can be watched."""

    trace_: pd.DataFrame

    def __init__(self, callbacks=None):
        self.callbacks = callbacks

    def fit(self, X, y):
        rows = [{"iteration": n, "loss": 1.0 / n} for n in (1, 2, 3)]
        for row in rows:
            for callback in self.callbacks or ():
                callback(row)
        self.trace_ = pd.DataFrame(rows).set_index("iteration")
        self.mean_ = np.mean(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.mean_)


class OtherLibrary(RegressorMixin, BaseEstimator):
    """Has callbacks of another kind, as XGBoost does."""

    def __init__(self, callbacks=None):
        self.callbacks = callbacks


def in_a_pipeline(estimator):
    return make_pipeline(StandardScaler(), estimator)


def alone(estimator):
    return estimator


@pytest.mark.parametrize("wrap", [alone, in_a_pipeline])
def test_each_iteration_is_told_while_the_fit_runs(wrap):
    heard, estimator = [], wrap(Descent())

    with watched(estimator, "Descent", FOLD, heard.append):
        estimator.fit(np.ones((2, 1)), [1.0, 2.0])

    assert [type(event) for event in heard] == [TraceAdvanced] * 3
    assert [(e.model, e.repeat, e.fold, e.iteration) for e in heard] == [
        ("Descent", 1, 2, number) for number in (1, 2, 3)
    ]
    assert heard[1].row == {"loss": 0.5}
    assert trace_of(estimator)["iteration"].tolist() == [1, 2, 3]


def test_the_users_callbacks_stay():
    own = []
    estimator = Descent([own.append])

    with watched(estimator, "Descent", FOLD, lambda event: None):
        estimator.fit(np.ones((2, 1)), [1.0, 2.0])

    assert len(own) == 3
    assert estimator.callbacks == [own.append]


def test_the_parameter_is_put_back_after_a_failing_fit():
    estimator = Descent()

    with pytest.raises(ZeroDivisionError), watched(estimator, "D", FOLD, print):
        raise ZeroDivisionError

    assert estimator.callbacks is None


def test_callbacks_of_another_kind_are_left_alone():
    estimator = OtherLibrary()

    with watched(estimator, "Other", FOLD, print):
        inside = estimator.callbacks

    assert inside is None
    assert can_be_watched(Descent())
    assert not can_be_watched(estimator)


def test_an_estimator_without_a_trace_has_none():
    assert trace_of(OtherLibrary()) is None
