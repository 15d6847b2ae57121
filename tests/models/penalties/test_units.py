"""Neither a target's units nor the names of groups decide what a penalty keeps."""

import numpy as np
import pandas as pd
import pytest

from flexcv.models import PenalizedGeneralizedMixedModel, PenalizedLinearMixedModel


def table_of() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(3)
    g = np.repeat(np.arange(15), 8)
    table = pd.DataFrame(rng.normal(size=(120, 5))).add_prefix("x").assign(g=g)
    y = 2 * table["x0"] - table["x1"] + rng.normal(size=15)[g] + rng.normal(size=120)
    return table, y.to_numpy()


@pytest.mark.parametrize("penalty", ["l1", "l2", "elasticnet"])
@pytest.mark.parametrize(("times", "plus"), [(1e-8, 0.0), (1e6, 1e6), (1.0, 1e6)])
def test_predictions_follow_the_units_of_the_target(penalty, times, plus):
    table, y = table_of()
    model = PenalizedLinearMixedModel("g", penalty=penalty).fit(table, y)
    wanted = times * model.predict(table) + plus
    other = PenalizedLinearMixedModel("g", penalty=penalty).fit(table, times * y + plus)
    np.testing.assert_allclose(
        other.predict(table), wanted, rtol=0, atol=1e-8 * times * y.std()
    )
    np.testing.assert_allclose(other.sigma_, times * model.sigma_, rtol=1e-8)
    np.testing.assert_allclose(
        other.cv_results_["loss"], times**2 * model.cv_results_["loss"], rtol=1e-6
    )
    np.testing.assert_allclose(
        other.trace_["sigma2"], times**2 * model.trace_["sigma2"], rtol=1e-6
    )


def test_the_penalty_told_is_the_one_that_fits_again():
    table, y = table_of()
    chosen = PenalizedLinearMixedModel("g", penalty="elasticnet").fit(table, 50.0 * y)
    again = PenalizedLinearMixedModel(
        "g", penalty="elasticnet", alpha=chosen.alpha_, l1_ratio=chosen.l1_ratio_
    )
    np.testing.assert_allclose(
        again.fit(table, 50.0 * y).coef_, chosen.coef_, rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("variances", ["out_of_fold", "held_out_groups"])
def test_names_of_groups_decide_no_fold(variances):
    table, y = table_of()
    names = np.random.default_rng(0).permutation(15)
    renamed = table.assign(g=names[table["g"]])
    first, second = (
        PenalizedLinearMixedModel("g", variances=variances).fit(given, y).predict(given)
        for given in (table, renamed)
    )
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-9)


def test_names_of_groups_decide_no_fold_of_classes():
    table, y = table_of()
    names = np.random.default_rng(0).permutation(15)
    renamed = table.assign(g=names[table["g"]])
    first, second = (
        PenalizedGeneralizedMixedModel("g", n_alphas=12)
        .fit(given, y > 0)
        .predict_linear(given)
        for given in (table, renamed)
    )
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-6)
