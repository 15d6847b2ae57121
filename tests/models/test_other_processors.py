import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
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


def merf():
    return MERF(
        DecisionTreeRegressor(), "g", max_iterations=8, tol=None, random_state=0
    )


MODELS = [*(boosting(learner) for learner in LEARNERS), merf()]


@pytest.mark.parametrize("model", MODELS, ids=str)
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


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_the_last_digits_of_the_target_change_no_prediction(model):
    X, y = drawn()
    noise = 1e-14 * np.random.default_rng(0).normal(size=len(y))
    expected = model.fit(X, y).predict(X)
    np.testing.assert_allclose(model.fit(X, y + noise).predict(X), expected, atol=1e-9)


@pytest.mark.parametrize("learner", LEARNERS)
def test_another_order_of_the_columns_changes_no_prediction_of_boosting(learner):
    X, y = drawn()
    turned = X[list(X)[::-1]]
    expected, model = boosting(learner).fit(X, y), boosting(learner).fit(turned, y)
    np.testing.assert_allclose(model.predict(turned), expected.predict(X), atol=1e-9)
    np.testing.assert_allclose(
        model.feature_importances_[::-1], expected.feature_importances_, atol=1e-9
    )
