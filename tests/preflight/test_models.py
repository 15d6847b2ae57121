"""What a model says of itself before it is fitted."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flexcv.dataset import make_dataset
from flexcv.models import LinearMixedEffectsModel, MixedEffectsBoosting
from flexcv.preflight.models import columns_read, takes_missing

DATA = make_dataset(
    pd.DataFrame({"x": [1.0, 2.0], "x2": [1.0, 2.0], "g": ["a", "b"]}), [0.0, 1.0]
)


@pytest.mark.parametrize(
    ("model", "takes"),
    [
        (Ridge(), False),
        (HistGradientBoostingRegressor(), True),
        (LinearMixedEffectsModel(), False),
        (MixedEffectsBoosting(), True),
        (DummyRegressor(), True),
        (make_pipeline(StandardScaler(), Ridge()), False),
        (make_pipeline("passthrough", Ridge()), False),
        (make_pipeline(StandardScaler(), PCA(), Ridge()), False),
        (make_pipeline(StandardScaler(), SimpleImputer(), Ridge()), True),
        (make_pipeline(StandardScaler(), HistGradientBoostingRegressor()), True),
        (make_pipeline(ColumnTransformer([]), Ridge()), True),  # cannot be known
        (TransformedTargetRegressor(Ridge()), True),  # cannot be known
    ],
)
def test_a_model_that_surely_refuses_missing_values_is_known(model, takes):
    assert takes_missing(model) is takes


@pytest.mark.parametrize("model", [Ridge(), HistGradientBoostingRegressor(), PCA()])
def test_what_is_known_is_what_happens(model):
    table = np.array([[1.0, np.nan], [2.0, 1.0], [0.0, 3.0]])
    try:
        model.fit(table, [0.0, 1.0, 2.0])
    except ValueError:
        assert not takes_missing(model)
    else:
        assert takes_missing(model)


@pytest.mark.parametrize(
    ("model", "read"),
    [
        (Ridge(), ["x", "x2", "g"]),
        (LinearMixedEffectsModel("g"), ["x", "x2"]),
        (LinearMixedEffectsModel("g", formula="y ~ x2"), ["x2"]),
        (LinearMixedEffectsModel(formula="y ~ log(x) + (1 | g)"), ["x"]),
        (LinearMixedEffectsModel("g", formula="y ~ ."), ["x", "x2"]),
    ],
)
def test_a_model_reads_what_it_names(model, read):
    assert columns_read(model, DATA) == read
