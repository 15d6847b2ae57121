"""Effects, variances and importances are kept without being asked for."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeRegressor

from flexcv import CrossValidation, CrossValidationResults
from flexcv.evaluation.learned import LearnedLater, learned_tables
from flexcv.model_postprocessing import RandomForestModelPostProcessor
from flexcv.models import LinearMixedEffectsModel, LinearModel


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(4)
    g = np.repeat(range(8), 15)
    x, z = rng.normal(size=(2, 120))
    y = 3.0 * x + 2.0 * rng.normal(size=8)[g] + rng.normal(size=120)
    return pd.DataFrame({"x": x, "z": z, "y": y, "g": g})


def chain(table, folder=None):
    cv = CrossValidation().set_data(table, "y", groups="g")
    cv.set_splits("GroupKFold", n_splits_out=2, scale_out=False)
    return cv.set_run(folder, progress=False, silence=["groups-unused"])


@pytest.fixture(scope="module")
def results(table, tmp_path_factory):
    cv = chain(table, tmp_path_factory.mktemp("learned") / "run")
    cv.add_model(LinearModel, model_name="OLS")
    cv.add_model(LinearMixedEffectsModel, model_name="LMM")
    cv.add_model(
        RandomForestRegressor,
        model_name="Forest",
        model_kwargs={"n_estimators": 5},
        add_merf=True,
    )
    cv.add_model(Ridge)
    return cv.perform().get_results()


def test_each_model_says_what_it_has(results):
    assert {name: list(found) for name, found in results.findings.items()} == {
        "OLS": ["fixed_effects"],
        "LMM": ["fixed_effects", "variance_components"],
        "Forest": ["importance"],
        "MERF(Forest)": ["variance_components", "importance"],
    }


def test_effects_are_those_of_the_fitted_models(results):
    for name in ("OLS", "LMM"):
        for fold, model in enumerate(results.estimators[name]):
            kept = results.findings[name]["fixed_effects"][fold].frame
            own = model[-1].fixed_effects_.rename_axis("name").reset_index()
            pd.testing.assert_frame_equal(kept, own)


def test_least_squares_says_what_statsmodels_says(results):
    result = results.estimators["OLS"][0][-1].result_
    kept = results.findings["OLS"]["fixed_effects"][0].frame
    np.testing.assert_allclose(kept["std_error"], result.bse)
    np.testing.assert_allclose(kept[["lower", "upper"]], result.conf_int())


def test_effects_have_their_spread_over_folds(results):
    spread = results.findings["LMM"]["fixed_effects"].combined.set_index("name")
    each = [
        model[-1].fixed_effects_["estimate"]["x"] for model in results.estimators["LMM"]
    ]
    assert spread.loc["x", "estimate_mean"] == pytest.approx(np.mean(each))
    assert spread.loc["x", "estimate_std"] == pytest.approx(np.std(each, ddof=1))


def test_importances_inside_merf_are_the_learners(results):
    kept = results.findings["MERF(Forest)"]["importance"][0].frame
    learner = results.estimators["MERF(Forest)"][0][-1].learner_
    own = dict(
        zip(learner.feature_names_in_, learner.feature_importances_, strict=True)
    )
    assert kept["feature"].iloc[0] == "x"
    assert dict(kept.itertuples(index=False)) == pytest.approx(own)


def test_pictures_need_no_post_processor(results):
    results.plot.fixed_effects("LMM")
    results.plot.importance("MERF(Forest)")
    with pytest.raises(
        ValueError, match=r"'fixed_effects' of 'Ridge'.*Pass `LMERModelPostProcessor`"
    ):
        results.plot.fixed_effects("Ridge")


def test_a_folder_keeps_them(results, tmp_path):
    results.save(tmp_path / "saved")
    loaded = CrossValidationResults.load(tmp_path / "saved")
    for name, found in results.findings.items():
        for kind, kept in found.items():
            pd.testing.assert_frame_equal(loaded.findings[name][kind].frame, kept.frame)
    written = pd.read_csv(tmp_path / "saved" / "findings" / "fixed_effects.csv")
    assert list(written["model"].unique()) == ["OLS", "LMM"]


def test_a_post_processor_has_the_last_word(table):
    cv = chain(table).add_model(
        DecisionTreeRegressor, post_processor=RandomForestModelPostProcessor(shap=False)
    )
    found = cv.perform().results.findings["DecisionTreeRegressor"]
    assert list(found) == ["importance"]
    assert len(found["importance"]) == 2


def test_names_are_those_that_the_last_step_reads(table):
    X = table[["x", "z"]]
    model = make_pipeline(
        SelectKBest(f_regression, k=1), GradientBoostingRegressor(n_estimators=3)
    ).fit(X, table["y"])
    kept = learned_tables(model, X.head(1))["importance"]
    assert kept.to_dict("list") == {"feature": ["x"], "importance": [1.0]}


def test_what_cannot_be_read_is_told_and_costs_no_fold(table):
    class Odd(Ridge):
        @property
        def fixed_effects_(self):
            raise ZeroDivisionError("no")

    results = chain(table).add_model(Odd()).perform().results
    assert results.scores["value"].notna().all()
    assert set(results.warnings["message"]) == {
        "fixed effects of Odd could not be read (ZeroDivisionError: no); the fold is "
        "kept without them."
    }


def test_tables_that_are_made_later_are_those_made_now():
    table = pd.DataFrame({"x": [0.0, 1.0, 2.0], "z": [1.0, 0.0, 1.0]})
    tree = DecisionTreeRegressor(random_state=0).fit(table, [1.0, 2.0, 3.0])
    now, later = learned_tables(tree, table.head(1)), LearnedLater(tree, table.head(1))
    again = pickle.loads(pickle.dumps(later))
    for found in (later, again):
        assert list(found) == list(now)
        assert len(found) == len(now)
        pd.testing.assert_frame_equal(found["importance"], now["importance"])
