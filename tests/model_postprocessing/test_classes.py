import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.svm import SVC, LinearSVC

from flexcv import CrossValidation, CrossValidationResults
from flexcv.errors import UnitError
from flexcv.merf import MERF
from flexcv.model_postprocessing import (
    ClassifierModelPostProcessor,
    MERFModelPostProcessor,
    PermutationImportancePostProcessor,
    RandomForestModelPostProcessor,
    SVRModelPostProcessor,
    XGBoostModelPostProcessor,
)
from flexcv.synthesizer import generate_classification

# The simulated signal tells the classes apart, which the checks say.
pytestmark = pytest.mark.filterwarnings("ignore::flexcv.errors.CheckWarning")

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(90, 2)), columns=["signal", "noise"])
THREE = pd.Series(
    np.select([X["signal"] > 0.4, X["signal"] > -0.4], ["c", "b"], "a"), name="kind"
)
TWO = THREE.where(THREE.ne("c"), "b")


def findings(y, model, processor, folder=None, **kwargs):
    cv = (
        CrossValidation()
        .set_data(X, y)
        .set_splits("StratifiedKFold", n_splits_out=2)
        .set_run(folder)
    )
    cv = cv.add_model(
        model, model_name="M", post_processor=processor, model_kwargs=kwargs
    )
    return cv.perform().results.findings["M"]


@pytest.mark.parametrize("y", [TWO, THREE], ids=["two", "three"])
def test_a_classifier_has_roc_calibration_and_confusion_with_drawings(y):
    found = findings(y, LogisticRegression, ClassifierModelPostProcessor(n_bins=4))
    assert list(found) == ["roc", "calibration", "confusion"]
    for name in found:
        assert len(found[name]) == 2
        assert found[name].plot().has_data()
    assert found["confusion"][0].frame["n_rows"].sum() == 45
    labels = ["b"] if y is TWO else ["a", "b", "c"]
    assert found["roc"][0].frame["class"].unique().tolist() == labels
    assert found["calibration"][0].frame["n_rows"].sum() == 45 * len(labels)


def test_findings_about_classes_are_stored_with_their_drawings(tmp_path):
    found = findings(
        THREE, LogisticRegression, ClassifierModelPostProcessor, tmp_path / "run"
    )
    loaded = CrossValidationResults.load(tmp_path / "run").findings["M"]
    for name in found:
        pd.testing.assert_frame_equal(loaded[name].frame, found[name].frame)
        assert loaded[name].plot().has_data()


def test_without_probabilities_there_is_the_confusion_only():
    assert list(findings(TWO, LinearSVC, ClassifierModelPostProcessor)) == ["confusion"]


def test_a_model_of_numbers_is_refused():
    with pytest.raises(UnitError) as caught:
        findings(
            X["signal"].rename("y") ** 2, LinearRegression, ClassifierModelPostProcessor
        )
    assert str(caught.value.__cause__) == (
        "ClassifierModelPostProcessor needs a model that predicts classes, got M; choose another "
        "post-processor."
    )


@pytest.mark.parametrize("model", [LogisticRegression, LinearSVC])
def test_permutation_importance_of_classes_is_a_loss_of_their_score(model):
    found = findings(THREE, model, PermutationImportancePostProcessor)
    first = found["permutation_importance"][0].frame
    assert first["feature"].iloc[0] == "signal"
    assert first["importance"].iloc[0] > 0.1


@pytest.mark.parametrize(("y", "names"), [
    (TWO, ["shap_train", "shap_test"]),
    (THREE, [f"shap_{part}_{label}" for part in ("train", "test") for label in "abc"]),
], ids=["two", "three"])  # fmt: skip
def test_forests_of_classes_are_explained_class_by_class(y, names):
    pytest.importorskip("shap")
    found = findings(
        y, RandomForestClassifier, RandomForestModelPostProcessor, n_estimators=5
    )
    assert list(found) == ["importance", *names]
    last = found[names[-1]][0].frame
    assert (
        last.groupby("feature")["shap"].apply(lambda s: s.abs().mean()).idxmax()
        == "signal"
    )


def test_xgboost_is_explained_class_by_class():
    xgboost = pytest.importorskip("xgboost")
    codes = THREE.astype("category").cat.codes.astype(int)
    found = findings(
        codes,
        xgboost.XGBClassifier,
        XGBoostModelPostProcessor,
        n_estimators=3,
        n_jobs=1,
    )
    assert list(found) == ["importance"] + [
        f"shap_{part}_{label}" for part in ("train", "test") for label in (0, 1, 2)
    ]


@pytest.mark.parametrize(("y", "has_coefficients"), [(TWO, True), (THREE, False)])
def test_support_vectors_of_classes_are_looked_at(y, has_coefficients):
    found = findings(y, SVC, SVRModelPostProcessor, kernel="linear")
    assert ("coefficients" in found) is has_coefficients


def test_merf_of_two_classes_shows_what_random_effects_add():
    X, y, group, _ = generate_classification(2, 200, 20, intercept_variance=4.0)
    forest = RandomForestClassifier(10, min_samples_leaf=5, random_state=0)
    cv = CrossValidation().set_data(X, y.map({0: "no", 1: "yes"}), group)
    cv = cv.set_splits("StratifiedKFold", n_splits_out=2).set_run(
        silence="groups-ignored"
    )
    cv = cv.add_model(
        MERF(forest, family="binomial", max_iterations=3, tol=None),
        model_name="MERF",
        post_processor=MERFModelPostProcessor,
    )
    found = cv.perform().results.findings["MERF"]
    rows = found["base_against_mixed"][0].frame
    assert rows[["base", "mixed"]].to_numpy().min() >= 0.0
    assert set(rows["y_true"]) == {"no", "yes"}
    curves = found["roc_base_against_mixed"]
    assert curves[0].frame["model"].unique().tolist() == [
        "without random effects",
        "with random effects",
    ]
    assert curves.plot().get_legend() is not None
    area = rows[rows["part"].eq("test")]
    known = area["y_true"].eq("yes")
    assert roc_auc_score(known, area["mixed"]) > roc_auc_score(known, area["base"])
