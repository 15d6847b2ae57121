import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, Ridge

from flexcv.errors import UnitError
from flexcv.model_postprocessing import LMERModelPostProcessor, MERFModelPostProcessor
from flexcv.models import LinearMixedEffectsModel


@pytest.fixture(scope="module")
def mixed(performed):
    return performed(LinearMixedEffectsModel, LMERModelPostProcessor, scale=False)


def test_a_mixed_models_findings_are_those_of_the_model(mixed):
    found = mixed.findings["LinearMixedEffectsModel"]
    assert list(found) == [
        "fixed_effects",
        "variance_components",
        "icc",
        "random_effects",
        "fit",
    ]
    model = mixed.estimators["LinearMixedEffectsModel"][1]["model"]
    fixed = found["fixed_effects"][1].frame
    assert fixed["name"].tolist() == ["Intercept", "strong", "weak one", "none"]
    np.testing.assert_array_equal(fixed["estimate"], model.fixed_effects_["estimate"])
    effects = found["random_effects"][1].frame
    np.testing.assert_array_equal(
        effects["effect"], model.random_effects_["subject"]["Intercept"]
    )
    assert (effects["sd"] > 0).all()
    variances = model.variance_components_["variance"]
    assert found["icc"][1].frame["icc"][0] == pytest.approx(
        variances[0] / variances.sum()
    )


def test_findings_are_combined_over_folds(mixed):
    fixed = mixed.findings["LinearMixedEffectsModel"][
        "fixed_effects"
    ].combined.set_index("name")
    assert fixed.loc["strong", "estimate_mean"] == pytest.approx(3.0, abs=0.2)
    assert fixed["n_folds"].tolist() == [3] * 4


def test_every_drawing_draws(mixed):
    found = mixed.findings["LinearMixedEffectsModel"]
    labels = [t.get_text() for t in found["fixed_effects"].plot().get_yticklabels()]
    assert labels == ["strong", "weak one", "none"]
    assert len(found["random_effects"].plot().get_yticklabels()) == 12


def test_merf_shows_what_the_random_effects_bring(performed):
    results = performed(LinearRegression, MERFModelPostProcessor, merf=True)
    assert list(results.findings) == ["MERF(LinearRegression)"]
    found = results.findings["MERF(LinearRegression)"]
    assert list(found) == [
        "convergence",
        "variance_components",
        "random_effects",
        "base_against_mixed",
    ]
    rows = found["base_against_mixed"][0].frame.query("part == 'test'")
    predicted = results.predictions.query(
        "model == 'MERF(LinearRegression)' and fold == 0 and part == 'test'"
    )
    np.testing.assert_array_equal(rows["mixed"], predicted["y_pred"])
    np.testing.assert_array_equal(rows["row"], predicted["row"])
    base, mixed = (
        (rows["y_true"] - rows[name]).pow(2).mean() for name in ("base", "mixed")
    )
    assert mixed < base / 2
    model = results.estimators["MERF(LinearRegression)"][0]["model"]
    assert model.known_groups == "conditional"
    for finding in found.values():
        if finding[0].draw is not None:
            assert finding.plot().get_xlabel()


def test_another_model_is_refused(performed):
    for processor in (LMERModelPostProcessor, MERFModelPostProcessor):
        with pytest.raises(
            (TypeError, UnitError), match="choose another post-processor"
        ):
            performed(Ridge, processor)
