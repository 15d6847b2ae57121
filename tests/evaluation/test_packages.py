import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from flexcv.evaluation.packages import packages_of
from flexcv.merf import MERF


def test_packages_are_named_with_their_versions():
    model = make_pipeline(StandardScaler(), Ridge()).fit(np.eye(3), [1.0, 2.0, 3.0])
    found = packages_of(model)
    assert set(found) == {"numpy", "scikit-learn"}
    assert found["numpy"] == np.__version__


def test_what_stands_inside_is_named_too():
    xgboost = pytest.importorskip("xgboost")
    found = packages_of(MERF(xgboost.XGBRegressor()))
    assert found["xgboost"] == xgboost.__version__
    assert "flexcv" in found


def test_the_users_own_classes_are_of_no_package():
    class Own(Ridge):
        pass

    assert "numpy" not in packages_of(Own())


def test_what_holds_itself_ends():
    model = Ridge()
    model.itself = [model]
    assert packages_of(model) == {"scikit-learn": packages_of(Ridge())["scikit-learn"]}
