import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from flexcv import CrossValidation, model_postprocessing
from flexcv.model_postprocessing import ModelPostProcessor
from flexcv.model_postprocessing.base import final_model, final_table
from flexcv.results import Finding


class Bias(ModelPostProcessor):
    def look(self, fitted):
        error = fitted.predicted_test - fitted.test.target
        yield Finding("bias", pd.DataFrame({"bias": [error.mean()]}))


class Names(ModelPostProcessor):
    def look(self, fitted):
        columns = list(final_table(fitted, fitted.X_test).columns)
        yield Finding(
            type(final_model(fitted)).__name__, pd.DataFrame({"name": columns})
        )


class OfVariants(Bias):
    for_variants = True


def test_a_post_processor_of_your_own_is_a_few_lines(performed):
    found = performed(Ridge, Bias).findings["Ridge"]["bias"]
    assert len(found) == 3
    assert list(found.frame) == ["model", "repeat", "fold", "bias"]
    assert found.combined["bias_mean"][0] == pytest.approx(found.frame["bias"].mean())
    assert found.combined["n_folds"][0] == 3


def test_the_model_and_its_table_are_found_inside_pipelines(performed):
    model = make_pipeline(StandardScaler(), make_pipeline("passthrough", Ridge()))
    found = performed(model, Names).findings
    frame = next(iter(found.values()))["Ridge"].frame
    assert frame["name"].tolist() == ["strong", "weak one", "none"] * 3


def test_columns_made_on_the_way_have_names():
    X = pd.DataFrame({"kind": ["a", "b", "c"] * 4})
    cv = CrossValidation().set_data(X, list(range(12))).set_splits(n_splits_out=2)
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), Ridge())
    results = (
        cv.add_model(model, model_name="m", post_processor=Names).perform().results
    )
    assert results.findings["m"]["Ridge"][0].frame["name"].tolist() == [
        "kind_a",
        "kind_b",
        "kind_c",
    ]


def test_variants_have_post_processors_of_their_own(performed):
    found = performed(Ridge, [Bias, OfVariants], merf=True).findings
    assert {model: list(names) for model, names in found.items()} == {
        "Ridge": ["bias"],
        "MERF(Ridge)": ["variance_components", "bias"],
    }
    assert (
        found["Ridge"]["bias"].frame["bias"].tolist()
        != found["MERF(Ridge)"]["bias"].frame["bias"].tolist()
    )


def test_public_names_are_sorted_and_complete():
    public = [n for n in vars(model_postprocessing) if n.endswith("PostProcessor")]
    assert model_postprocessing.__all__ == sorted(public)
