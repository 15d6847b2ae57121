"""Likelihood ratios of models that are nested, and refusals of others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from flexcv.errors import ModelError
from flexcv.models import LinearMixedEffectsModel
from tests.models.reference_tables import reference_table


def test_the_likelihood_ratio_test_is_that_of_ml_fits(
    model: LinearMixedEffectsModel, sleep: pd.DataFrame
) -> None:
    """lme4 1.1-31, ``anova``: deviances of the ML references, chi2 = 42.1393 on 2."""
    smaller = LinearMixedEffectsModel("Subject").fit(
        sleep[["Days", "Subject"]], sleep["Reaction"]
    )
    table = model.likelihood_ratio_test(smaller)
    assert list(table["n_parameters"]) == [4, 6]
    assert table["chi2"].iloc[1] == pytest.approx(42.1393, abs=1e-4)
    assert table["df"].iloc[1] == 2
    assert table["p"].iloc[1] == pytest.approx(7.072413e-10, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "change", "options"),
    [
        ("target", lambda f: f.assign(Reaction=f["Reaction"] + 1.0), {}),
        ("target", lambda f: f.iloc[::-1], {}),
        ("number of rows", lambda f: f.iloc[1:], {}),
        ("weights", lambda f: f.assign(w=1.0 + f["Days"]), {"weights": "w"}),
        ("offset", lambda f: f.assign(o=f["Days"]), {"offset": "o"}),
    ],
)
def test_a_likelihood_ratio_test_needs_the_same_rows(
    model: LinearMixedEffectsModel, sleep: pd.DataFrame, name, change, options
) -> None:
    table = change(sleep)
    other = LinearMixedEffectsModel("Subject", formula="Days", **options)
    other.fit(table.drop(columns="Reaction"), table["Reaction"])
    with pytest.raises(ModelError) as caught:
        model.likelihood_ratio_test(other)
    assert str(caught.value) == (
        "a likelihood-ratio test needs models fitted to the same rows in the same "
        f"order, got another {name} in 'Days + (1 | Subject)'; fit all to one table."
    )


@pytest.mark.parametrize(
    ("name", "target", "small", "large", "chi2"),
    [
        ("Pastes", "strength", "(1 | batch:cask)", "(1 | batch/cask)", 0.407234),
        ("Penicillin", "diameter", "(1|plate)", "(1|plate) + (1|sample)", 279.441204),
    ],
)
def test_likelihood_ratios_are_those_of_lme4(name, target, small, large, chi2) -> None:
    """lme4 1.1-31, ``anova`` of two REML fits."""
    frame = reference_table(name)
    X, y = frame.drop(columns=target), frame[target]
    fits = [
        LinearMixedEffectsModel(formula=f"1 + {random}").fit(X, y)
        for random in (small, large)
    ]
    table = fits[0].likelihood_ratio_test(fits[1])
    assert table["chi2"].iloc[1] == pytest.approx(chi2, abs=2e-6)


def fits_of(sleep: pd.DataFrame, *formulas: str, reml: bool = True):
    rng = np.random.default_rng(0)
    X = sleep[["Days", "Subject"]].assign(z=rng.normal(size=len(sleep)))
    return [
        LinearMixedEffectsModel(formula=formula, reml=reml).fit(X, sleep["Reaction"])
        for formula in formulas
    ]


def test_a_likelihood_ratio_test_needs_nested_fixed_parts(sleep: pd.DataFrame) -> None:
    large, small = fits_of(sleep, "z + (Days | Subject)", "Days + (1 | Subject)")
    with pytest.raises(ModelError) as caught:
        large.likelihood_ratio_test(small)
    assert str(caught.value) == (
        "a likelihood-ratio test needs nested models, got fixed columns in 'Days + "
        "(1 | Subject)' that are not in 'z + (1 + Days | Subject)'; compare models that "
        "are not nested by `aic_` or by cross-validation."
    )


def test_fixed_parts_are_nested_by_what_they_span(sleep: pd.DataFrame) -> None:
    small, large = fits_of(
        sleep, "scale(Days) + (1 | Subject)", "poly(Days, 2) + (1 | Subject)"
    )
    table = large.likelihood_ratio_test(small)
    raw = fits_of(sleep, "Days + (1 | Subject)", "Days + I(Days**2) + (1 | Subject)")
    wanted = raw[0].likelihood_ratio_test(raw[1])
    np.testing.assert_allclose(table["chi2"].iloc[1], wanted["chi2"].iloc[1], rtol=1e-6)


def test_restricted_fits_of_one_fixed_part_can_be_compared(sleep: pd.DataFrame) -> None:
    """lme4 1.1-31, ``anova(refit=FALSE)``: chi2 = 42.836813 on 2."""
    small, large = fits_of(sleep, "Days + (1 | Subject)", "Days + (Days | Subject)")
    table = small.likelihood_ratio_test(large, refit=False)
    assert table["chi2"].iloc[1] == pytest.approx(42.836813, abs=1e-5)
    other = fits_of(sleep, "1 + (1 | Subject)")[0]
    with pytest.raises(ModelError, match="differ in the random part only, got other"):
        small.likelihood_ratio_test(other, refit=False)
    by_ml = fits_of(sleep, "Days + (1 | Subject)", reml=False)[0]
    with pytest.raises(ModelError, match="got fits by REML and by ML"):
        large.likelihood_ratio_test(by_ml, refit=False)


def test_a_larger_model_that_fits_worse_is_refused(sleep: pd.DataFrame) -> None:
    X = sleep[["Days", "Subject"]].assign(h=np.arange(len(sleep)) % 5)
    y = sleep["Reaction"]
    good = LinearMixedEffectsModel(formula="1 + (1 | Subject)").fit(X, y)
    poor = LinearMixedEffectsModel(formula="1 + (Days | h)").fit(X, y)
    with pytest.raises(ModelError, match="a larger model fits at least as well, got"):
        good.likelihood_ratio_test(poor)


def test_other_kinds_of_models_are_refused(model: LinearMixedEffectsModel) -> None:
    with pytest.raises(TypeError, match="got a Ridge; fit it first or compare it by"):
        model.likelihood_ratio_test(Ridge())
