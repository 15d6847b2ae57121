"""Ordinary least squares."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn.utils.estimator_checks import parametrize_with_checks

from flexcv.models import LinearModel


@pytest.mark.filterwarnings("ignore:The design matrix is rank-deficient")
@parametrize_with_checks([LinearModel()])
def test_scikit_learn_accepts_the_estimator(estimator, check) -> None:
    check(estimator)


def test_coefficients_are_those_of_statsmodels() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    y = X @ [1.0, 2.0, 3.0] + rng.normal(size=40)
    model = LinearModel().fit(X, y)
    wanted = sm.OLS(y, sm.add_constant(X)).fit().params
    np.testing.assert_allclose(np.append(model.intercept_, model.coef_), wanted)


def test_categories_are_coded_by_treatment_and_named_in_the_summary() -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"x": rng.normal(size=30), "f": list("ababab") * 5})
    y = table["x"] + 2.0 * (table["f"] == "b") + rng.normal(size=30)
    model = LinearModel().fit(table, y)
    assert "f[T.b]" in str(model.summary())
    np.testing.assert_allclose(model.predict(table), model.result_.fittedvalues)


def test_a_level_that_training_did_not_show_is_refused() -> None:
    table = pd.DataFrame({"f": list("ababab")})
    model = LinearModel().fit(table, range(6))
    with pytest.raises(ValueError, match="must hold levels seen in training, got 'z'"):
        model.predict(pd.DataFrame({"f": ["z"]}))
