"""Callbacks of models that iterate, and the picture of their way."""

import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from flexcv.models import MixedEffectsBoosting
from flexcv.models.contract.iterating import IteratedModel, is_stopped


def test_only_true_stops():
    row = {"change": 0.5}
    assert not is_stopped(None, row)
    for answer, stops in ((True, True), (None, False), (1, False), ("yes", False)):
        assert is_stopped(lambda _, answer=answer: answer, row) is stops


def test_every_callback_is_called_whatever_others_answer():
    seen = []
    callbacks = [lambda row: True, seen.append, lambda row: seen.append(row) or None]
    assert is_stopped(callbacks, {"change": 0.5})
    assert seen == [{"change": 0.5}] * 2
    assert is_stopped(iter(callbacks[:1]), {"change": 0.5})


def test_a_picture_is_asked_of_a_fitted_model():
    with pytest.raises(NotFittedError):
        MixedEffectsBoosting().plot_convergence()


def test_iterations_may_be_a_column_or_the_index(monkeypatch):
    shown = []

    class Drawing:
        plot_iterations = staticmethod(lambda trace, axes: shown.append(trace))

    class Fitted(IteratedModel, BaseEstimator):
        def __sklearn_is_fitted__(self):
            return True

        def fit(self):
            return self

    monkeypatch.setattr(
        "flexcv.models.contract.iterating.importlib.import_module", lambda _: Drawing
    )
    for trace in (
        pd.DataFrame({"iteration": [1, 2], "change": [0.5, 0.1]}),
        pd.DataFrame({"change": [0.5, 0.1]}, index=pd.Index([1, 2], name="iteration")),
    ):
        model = Fitted()
        model.trace_ = trace
        model.plot_convergence()
    pd.testing.assert_frame_equal(*shown)
