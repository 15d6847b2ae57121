"""Tables and figures of a fitted model, as people know them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flexcv.models import LinearMixedEffectsModel
from tests.models.reference_tables import reference_table


def test_the_tables_have_the_columns_that_people_know(
    model: LinearMixedEffectsModel,
) -> None:
    assert list(model.fixed_effects_) == [
        *("estimate", "std_error", "df", "t", "p", "lower", "upper")
    ]
    components = model.variance_components_
    assert list(components)[:4] == ["group", "name", "variance", "sd"]
    assert list(components["group"]) == ["Subject", "Subject", "Residual"]
    assert model.random_effects_["Subject"].shape == (18, 2)
    assert model.loglik_ == pytest.approx(-0.5 * model.criterion_)


def test_the_summary_prints_shows_as_html_and_gives_a_frame(
    model: LinearMixedEffectsModel,
) -> None:
    summary = model.summary()
    text = str(summary)
    for word in ("REML", "1743.6283", "levels of Subject: 18", "Days", "Residual"):
        assert word in text
    assert summary._repr_html_().count("<table") == 2
    pd.testing.assert_frame_equal(summary.to_frame(), model.fixed_effects_)


def test_a_singular_fit_says_so() -> None:
    frame = reference_table("Dyestuff2")
    model = LinearMixedEffectsModel("Batch").fit(frame[["Batch"]], frame["Yield"])
    assert "Singular fit" in str(model.summary())
    assert model.singular_
    assert model.variance_components_["sd"].iloc[0] == 0.0


def test_the_intraclass_correlation_is_the_share_of_the_group() -> None:
    frame = reference_table("Dyestuff")
    model = LinearMixedEffectsModel("Batch").fit(frame[["Batch"]], frame["Yield"])
    variance = model.variance_components_["variance"]
    assert model.icc()["Batch"] == pytest.approx(variance[0] / variance.sum())


def test_everything_can_be_read_without_groups() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=50)})
    y = 1.0 + frame["x"] + rng.normal(size=50)
    model = LinearMixedEffectsModel().fit(frame, y)
    assert model.icc().empty
    assert model.random_effects_table().empty
    assert model.conditional_sd() == {}
    assert model.simulate(frame, 3, random_state=0).shape == (50, 3)
    profile, bootstrap = model.profile_intervals(), model.bootstrap_intervals(200, 0)
    wanted = model.fixed_effects_[["lower", "upper"]]
    low, high = profile.loc[("Residual", "sd"), ["lower", "upper"]]
    assert 0.7 < low < model.sigma_ < high < 1.5
    for table in (profile, bootstrap):
        np.testing.assert_allclose(
            table.loc["fixed", ["lower", "upper"]], wanted, atol=0.08
        )
