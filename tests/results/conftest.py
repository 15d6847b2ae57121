import numpy as np
import pandas as pd
import pytest
from optuna.distributions import IntDistribution
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

from flexcv import CrossValidation
from flexcv.merf import MERF
from flexcv.model_postprocessing import (
    LMERModelPostProcessor,
    RandomForestModelPostProcessor,
)
from flexcv.models import LinearMixedEffectsModel

SILENT = ("groups-ignored", "groups-unused")


def bias(y_true, y_pred):
    return float(np.mean(y_pred - y_true))


@pytest.fixture(scope="session")
def grouped():
    rng = np.random.default_rng(1)
    group = np.repeat([f"<g{number}>" for number in range(12)], 8)
    X = pd.DataFrame(rng.normal(size=(96, 2)), columns=["x", "z & co"])
    y = 2 * X["x"] + rng.normal(size=12).repeat(8) + 0.5 * rng.normal(size=96)
    return X, y.rename("y"), pd.Series(group, name="subject")


@pytest.fixture(scope="session")
def rich(grouped):
    """A run with a bit of everything: tuning, traces, findings, an own metric."""
    cv = (
        CrossValidation()
        .set_data(*grouped, dataset_name="made <up>")
        .set_splits(n_splits_out=3, n_splits_in=2, metrics={"r2": "r2", "mse": "mse", "bias": bias})
        .set_inner_cv(3)
        .add_model(DummyRegressor, model_name="Mean")
        .add_model(LinearMixedEffectsModel, model_name="LMM", post_processor=LMERModelPostProcessor)
        .add_model(
            DecisionTreeRegressor,
            model_name="Tree",
            params={"max_depth": IntDistribution(1, 4)},
            post_processor=RandomForestModelPostProcessor(shap=False),
        )
        .add_model(MERF, model_kwargs={"estimator": LinearRegression(), "max_iterations": 3, "tol": None})
        .set_run(silence=SILENT)
    )  # fmt: skip
    return cv.perform().get_results()
