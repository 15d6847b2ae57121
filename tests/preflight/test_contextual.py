import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from flexcv import CrossValidation
from flexcv.datasets import load_orthodont, load_pbc, load_radon
from flexcv.models import LinearMixedEffectsModel


def told(cv):
    found = cv.check()
    return found[found["name"] == "contextual-effects"]


def clinical(split="GroupKFold"):
    cv = CrossValidation().set_data(load_pbc(), "log_bili", "patient")
    return cv.set_splits(split, n_splits_out=3)


def test_new_groups_are_warned_of_and_known_ones_noted():
    new = told(clinical().add_model(LinearMixedEffectsModel))
    assert new["level"].to_list() == ["warn"]
    message = new["message"].iloc[0]
    assert "'year': 0.045 within, -0.044 between" in message
    assert message.endswith("pass between='auto' to set_data.")
    known = told(clinical("KFold").add_model(LinearMixedEffectsModel))
    assert known["level"].to_list() == ["note"]


def test_only_models_that_take_both_slopes_for_one_are_named():
    cv = clinical().add_model(Ridge)
    assert not len(told(cv))
    cv.add_model(LinearMixedEffectsModel(between=True), model_name="told")
    assert not len(told(cv))
    cv.add_model(Ridge, model_name="wrapped", add_merf=True)
    assert "'MERF(wrapped)' learns those within" in told(cv)["message"].iloc[0]


@pytest.mark.parametrize(
    ("load", "y", "groups"),
    [(load_radon, "log_radon", "county"), (load_orthodont, "distance", "Subject")],
)
def test_tables_without_such_slopes_are_left_alone(load, y, groups):
    cv = CrossValidation().set_data(load(), y, groups).set_splits("GroupKFold")
    assert not len(told(cv.add_model(LinearMixedEffectsModel)))


def test_classes_and_few_groups():
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(6), 10)
    x = rng.normal(size=60) + 3.0 * group
    cv = CrossValidation().set_data(pd.DataFrame({"x": x}), x + group**2, group)
    cv.set_splits("GroupKFold", n_splits_out=3).add_model(LinearMixedEffectsModel)
    assert not len(told(cv))
