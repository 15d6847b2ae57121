import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn.linear_model import LinearRegression, Ridge
from statsmodels.stats.outliers_influence import variance_inflation_factor

from flexcv.errors import UnitError
from flexcv.model_postprocessing import LinearModelPostProcessor
from flexcv.model_postprocessing.linear import (
    LeastSquares,
    residual_table,
    variance_inflation,
)
from flexcv.models import LinearModel


@pytest.fixture(scope="module")
def found(performed):
    return performed(LinearModel, LinearModelPostProcessor, scale=False)


@pytest.fixture(scope="module")
def reference(found, grouped):
    """Refit the first fold with statsmodels."""
    X, y, _ = grouped
    rows = found.folds[0].train.rows
    return sm.OLS(y.iloc[rows], sm.add_constant(X.iloc[rows])).fit(), rows


def test_it_finds_what_it_says(found):
    assert list(found.findings["LinearModel"]) == [
        "fixed_effects",
        "coefficients",
        "fit",
        "vif",
        "residuals",
        "qq",
        "scale_location",
        "leverage",
    ]


def test_coefficients_are_those_of_statsmodels(found, reference):
    fit, _ = reference
    table = found.findings["LinearModel"]["coefficients"][0].frame.set_index("name")
    assert list(table.index) == ["Intercept", "strong", "weak one", "none"]
    np.testing.assert_allclose(table["estimate"], fit.params, rtol=1e-10)
    np.testing.assert_allclose(table["std_error"], fit.bse, rtol=1e-10)
    np.testing.assert_allclose(table["p"], fit.pvalues, rtol=1e-8)
    np.testing.assert_allclose(table[["lower", "upper"]], fit.conf_int(), rtol=1e-9)


def test_influence_is_that_of_statsmodels(found, reference):
    fit, rows = reference
    table = found.findings["LinearModel"]["leverage"][0].frame
    influence = fit.get_influence()
    np.testing.assert_allclose(table["leverage"], influence.hat_matrix_diag, rtol=1e-9)
    np.testing.assert_allclose(
        table["standardised"], influence.resid_studentized_internal, rtol=1e-9
    )
    np.testing.assert_allclose(
        table["cooks_distance"], influence.cooks_distance[0], rtol=1e-9
    )
    np.testing.assert_array_equal(table["row"], rows)


def test_variance_inflation_is_that_of_statsmodels(found, reference):
    fit, _ = reference
    expected = [variance_inflation_factor(fit.model.exog, k) for k in (1, 2, 3)]
    table = found.findings["LinearModel"]["vif"][0].frame
    assert table["feature"].tolist() == ["strong", "weak one", "none"]
    np.testing.assert_allclose(table["vif"], expected, rtol=1e-9)


def test_scikit_learns_fit_is_the_same(found, performed):
    other = performed(LinearRegression, LinearModelPostProcessor, scale=False)
    for name in ("coefficients", "leverage"):
        mine = found.findings["LinearModel"][name][1].frame
        pd.testing.assert_frame_equal(
            other.findings["LinearRegression"][name][1].frame, mine
        )


def test_every_drawing_draws(found):
    for finding in found.findings["LinearModel"].values():
        if finding[0].draw is not None:
            assert finding.plot().get_xlabel()


def test_a_redundant_column_has_infinite_inflation_and_changes_no_fit():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 2))
    design = np.column_stack([np.ones(20), x, x[:, 0] + x[:, 1]])
    y = rng.normal(size=20)
    assert np.isinf(variance_inflation(design, list("1abc"))["vif"]).all()
    plain, redundant = (
        LeastSquares(design[:, :3], y, list("1ab")),
        LeastSquares(design, y, list("1abc")),
    )
    np.testing.assert_allclose(redundant.fitted, plain.fitted)
    np.testing.assert_allclose(redundant.leverage, plain.leverage)
    assert redundant.rank == 3


def test_one_feature_has_inflation_one_and_none_has_no_row():
    assert variance_inflation(np.array([[1.0, 2], [1, 3], [1, 5]]), ["1", "x"])[
        "vif"
    ].tolist() == pytest.approx([1.0])
    assert variance_inflation(np.ones((3, 1)), ["1"]).empty


def test_a_row_with_leverage_one_has_no_standardised_residual():
    design = np.column_stack([np.ones(4), [0.0, 0, 0, 1]])
    table = residual_table(
        LeastSquares(design, np.array([1.0, 2, 4, 9]), ["1", "x"]), np.arange(4)
    )
    assert np.isnan(table["cooks_distance"][3])
    assert np.isfinite(table["cooks_distance"][:3]).all()


def test_another_model_is_refused(performed):
    with pytest.raises((TypeError, UnitError), match="choose another post-processor"):
        performed(Ridge, LinearModelPostProcessor)
