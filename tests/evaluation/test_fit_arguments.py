import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaggingRegressor, RandomForestRegressor, StackingRegressor
from sklearn.linear_model import Lasso, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flexcv._rows import take_arguments
from flexcv.evaluation.fit_arguments import weight_argument
from flexcv.merf import MERF
from flexcv.models import LinearMixedEffectsModel

NEAR = KNeighborsRegressor()
RNG = np.random.default_rng(0)
X = pd.DataFrame(
    {"a": RNG.normal(size=40), "b": np.arange(40.0), "g": list("abcd") * 10}
)
Y, W = np.arange(40.0) % 4 + RNG.normal(size=40), np.arange(1.0, 41.0)


@pytest.mark.parametrize(
    ("model", "argument"),
    [
        (Ridge(), "sample_weight"),
        (BaggingRegressor(Ridge()), "sample_weight"),
        (make_pipeline(StandardScaler(), Ridge()), "ridge__sample_weight"),
        (
            make_pipeline(StandardScaler(), make_pipeline(Ridge())),
            "pipeline__ridge__sample_weight",
        ),
        (GridSearchCV(Ridge(), {"alpha": [1.0, 2.0]}), "sample_weight"),
        (
            GridSearchCV(make_pipeline(Ridge()), {"ridge__alpha": [1.0]}, cv=2),
            "ridge__sample_weight",
        ),
        (TransformedTargetRegressor(Ridge()), "sample_weight"),
        (StackingRegressor([("r", Ridge()), ("l", Lasso())], cv=2), "sample_weight"),
        (
            MERF(RandomForestRegressor(5), groups="g", max_iterations=1, tol=None),
            "sample_weight",
        ),
        (LinearMixedEffectsModel("g"), "sample_weight"),
    ],
)
def test_the_argument_that_is_named_is_taken(model, argument):
    assert weight_argument(model) == argument
    reads_groups = getattr(model, "groups", None) == "g"
    model.fit(X if reads_groups else X[["a", "b"]], Y, **{argument: W})


@pytest.mark.parametrize(
    "model",
    [
        NEAR,
        make_pipeline(StandardScaler(), NEAR),
        GridSearchCV(NEAR, {"n_neighbors": [1, 2]}),
        TransformedTargetRegressor(NEAR),
        StackingRegressor([("r", Ridge()), ("k", NEAR)]),
        MERF(NEAR),
    ],
)
def test_what_cannot_be_weighed_has_no_argument(model):
    assert weight_argument(model) is None


def test_arguments_without_a_value_per_row_are_left_alone():
    given = {"frame": X, "series": pd.Series(Y), "short": [1, 2], "word": "abc"}
    cut = take_arguments(given, np.array([3, 0]), len(X))
    assert cut["frame"].index.tolist() == cut["series"].index.tolist() == [3, 0]
    assert (cut["short"], cut["word"]) == ([1, 2], "abc")


def test_with_routing_a_pipeline_weighs_the_steps_that_ask():
    with config_context(enable_metadata_routing=True):
        asking = Ridge().set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        model = make_pipeline(scaler, asking)
        assert weight_argument(model) == "sample_weight"
        model.fit(X[["a", "b"]], Y, sample_weight=W)
        assert weight_argument(make_pipeline(StandardScaler(), Ridge())) is None
