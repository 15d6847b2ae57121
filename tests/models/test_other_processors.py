import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold
from sklearn.tree import DecisionTreeRegressor

from flexcv.merf import MERF
from flexcv.models import MixedEffectsBoosting

from .fits_of_every_family import table

FITS = Path(__file__).with_name("fits_of_every_family.py")
KERNELS = ("Haswell", "Sandybridge")
LEARNERS = ("histogram", "exact")


def started(kernel, folder):
    """Start the fits of every family with one kernel of OpenBLAS."""
    settings = {
        key: v for key, v in os.environ.items() if not key.startswith("OPENBLAS")
    }
    settings |= {"OPENBLAS_CORETYPE": kernel, "PYTHONPATH": os.pathsep.join(sys.path)}
    settings |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(FITS), str(folder / f"{kernel}.npz")]
    return subprocess.Popen(command, env=settings)


@pytest.mark.slow
def test_every_family_predicts_the_same_with_the_algebra_of_another_processor(tmp_path):
    running = [started(kernel, tmp_path) for kernel in KERNELS]
    assert [process.wait() for process in running] == [0, 0]
    one, other = (dict(np.load(tmp_path / f"{kernel}.npz")) for kernel in KERNELS)
    used = one.pop("kernels"), other.pop("kernels")
    if not all(kernel in found for kernel, found in zip(KERNELS, used, strict=True)):
        pytest.skip(f"linear algebra here is not OpenBLAS with both kernels: {used}")
    apart = {name: float(np.abs(one[name] - other[name]).max()) for name in one}
    assert {name: far for name, far in apart.items() if far > 1e-6} == {}


def drawn():
    X, targets = table(3)
    return X.drop(columns="h"), targets["gaussian"]


def boosting(learner):
    return MixedEffectsBoosting("g", learner=learner, max_iterations=60, random_state=0)


def merf(learner=None, **settings):
    learner = DecisionTreeRegressor() if learner is None else learner
    settings = {"max_iterations": 8, "tol": None, "random_state": 0} | settings
    return MERF(learner, "g", **settings)


MODELS = [*(boosting(learner) for learner in LEARNERS), merf()]
ITERATED = [
    *MODELS,
    boosting("histogram").set_params(folds=GroupKFold(5)),
    boosting("histogram").set_params(slopes=("a",)),
    merf(folds=GroupKFold(5)),
    merf(solver="em"),
    merf(RandomForestRegressor(20), fit_prediction="oob", max_iterations=4),
    merf(RandomForestRegressor(10), fit_prediction="cv", max_iterations=3),
    merf(Ridge(), slopes=("a",)),
]
UNITS = [(1000.0, 5.0), (1e-8, 0.0), (1e12, 0.0), (4.0, 1e4)]


@pytest.mark.parametrize("model", ITERATED, ids=str)
def test_new_names_of_the_groups_change_no_prediction(model):
    X, y = drawn()
    renamed = X.assign(g=(7 * X["g"]) % 15)
    expected = model.fit(X, y).predict(X)
    np.testing.assert_allclose(
        model.fit(renamed, y).predict(renamed), expected, atol=1e-9
    )


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_another_unit_of_the_target_scales_every_prediction(model):
    X, y = drawn()
    expected = model.fit(X, y).predict(X)
    scaled = model.fit(X, 4.0 * y).predict(X)
    np.testing.assert_allclose(scaled, 4.0 * expected, atol=1e-9)


@pytest.mark.parametrize("model", ITERATED, ids=str)
def test_any_unit_and_origin_of_the_target_move_every_prediction_along(model):
    X, y = drawn()
    model.fit(X, y)
    expected, variances = model.predict(X), model.variance_components_["variance"]
    for unit, origin in UNITS:
        moved = model.fit(X, origin + unit * y)
        predicted = (moved.predict(X) - origin) / unit
        np.testing.assert_allclose(predicted, expected, atol=1e-9 * expected.std())
        scaled = moved.variance_components_["variance"] / unit**2
        np.testing.assert_allclose(scaled, variances, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("learner", LEARNERS)
def test_digits_that_a_far_mean_leaves_are_used(learner):
    # 1e8 + y has lost what of y is below 1e-8.
    X, y = drawn()
    model = boosting(learner)
    expected = model.fit(X, y).predict(X)
    moved = model.fit(X, 1e8 + y).predict(X) - 1e8
    np.testing.assert_allclose(moved, expected, atol=1e-6)


def test_a_forest_in_merf_learns_beside_a_far_mean():
    X, y = drawn()
    model = merf(RandomForestRegressor(20), fit_prediction="oob", max_iterations=4)
    expected = model.fit(X, y).predict(X)
    moved = model.fit(X, 1e8 + y).predict(X) - 1e8
    np.testing.assert_allclose(moved, expected, atol=1e-6)


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_the_last_digits_of_the_target_change_no_prediction(model):
    X, y = drawn()
    noise = 1e-14 * np.random.default_rng(0).normal(size=len(y))
    expected = model.fit(X, y).predict(X)
    np.testing.assert_allclose(model.fit(X, y + noise).predict(X), expected, atol=1e-9)


def test_another_order_of_the_columns_changes_nothing_that_merf_does_itself():
    # Trees of scikit-learn take the first of equal splits and draw columns by place.
    X, y = drawn()
    turned, model = X[list(X)[::-1]], merf(Ridge(), slopes=("a",))
    expected = model.fit(X, y).predict(X)
    moved = model.fit(turned, y).predict(turned)
    np.testing.assert_allclose(moved, expected, atol=1e-9)


@pytest.mark.parametrize("learner", LEARNERS)
def test_another_order_of_the_columns_changes_no_prediction_of_boosting(learner):
    X, y = drawn()
    turned = X[list(X)[::-1]]
    expected, model = boosting(learner).fit(X, y), boosting(learner).fit(turned, y)
    np.testing.assert_allclose(model.predict(turned), expected.predict(X), atol=1e-9)
    np.testing.assert_allclose(
        model.feature_importances_[::-1], expected.feature_importances_, atol=1e-9
    )
