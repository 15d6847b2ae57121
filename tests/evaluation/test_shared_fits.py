"""Folds of a run from one pass over the table."""

import functools

import numpy as np
import pandas as pd
import pytest

from flexcv import CrossValidation, CrossValidationResults
from flexcv.evaluation import shared_fits
from flexcv.model_postprocessing import LMERModelPostProcessor
from flexcv.models import LinearMixedEffectsModel

WEIGHTS = pd.Series(np.linspace(1.0, 2.0, 192))


@pytest.fixture(autouse=True)
def _small_runs_count(monkeypatch):
    monkeypatch.setattr(shared_fits, "MANY_ROWS", 0)


@pytest.fixture
def ordinary(monkeypatch):
    """Count the fits of the ordinary way."""
    fits = []
    fit = LinearMixedEffectsModel.fit

    @functools.wraps(fit)
    def counted(self, *args, **kwargs):
        fits.append(self)
        return fit(self, *args, **kwargs)

    monkeypatch.setattr(LinearMixedEffectsModel, "fit", counted)
    return fits


def chain(n_groups: int = 24, **run) -> CrossValidation:
    rng = np.random.default_rng(2)
    groups = pd.Series(np.repeat(np.arange(n_groups), 8), name="pig")
    X = pd.DataFrame(rng.normal(size=(len(groups), 2)), columns=["a", "b"])
    X["b"] = 30.0 + 5.0 * X["b"]
    noise = rng.normal(size=n_groups)[groups] + rng.normal(size=len(groups))
    y = pd.Series(X["a"] + 0.1 * X["b"] + noise, name="y")
    return (
        CrossValidation()
        .set_data(X, y, groups=groups)
        .set_splits("LeaveOneGroupOut")
        .add_model(LinearMixedEffectsModel)
        .set_run(**run)
    )


def results_of(cv):
    return cv.perform().get_results()


def assert_equal_results(found, expected):
    pd.testing.assert_frame_equal(found.summary, expected.summary, rtol=1e-8)
    pd.testing.assert_frame_equal(
        found.predictions, expected.predictions, rtol=1e-7, atol=1e-8
    )
    for one, other in zip(found.folds, expected.folds, strict=True):
        assert list(one.learned) == list(other.learned)
        for name, table in one.learned.items():
            pd.testing.assert_frame_equal(table, other.learned[name], rtol=1e-4)


@pytest.mark.parametrize("scaled", [True, False])
def test_results_are_those_of_ordinary_fits(ordinary, scaled):
    cv = chain().set_splits("LeaveOneGroupOut", scale_out=scaled)
    found = results_of(cv)
    assert not ordinary
    expected = results_of(cv.copy().set_run(keep_estimators=True))
    assert len(ordinary) == 24
    assert_equal_results(found, expected)


def _features() -> tuple[pd.DataFrame, pd.Series, pd.DataFrame]:
    """Draw weights of 24 pigs in 8 weeks, and both groupings."""
    rng = np.random.default_rng(4)
    groups = pd.DataFrame(
        {"pig": np.repeat(np.arange(24), 8), "week": np.tile(np.arange(8), 24)}
    )
    X = pd.DataFrame(rng.normal(size=(len(groups), 2)), columns=["a", "b"])
    level, slope = rng.normal(size=(2, 24))
    effects = level[groups["pig"]] + rng.normal(size=8)[groups["week"]]
    y = effects + (1.0 + slope[groups["pig"]]) * X["a"] + rng.normal(size=len(groups))
    return X, pd.Series(y, name="y"), groups


def test_slopes_and_crossed_factors_are_fitted_from_sums_too(ordinary):
    X, y, groups = _features()
    cv = (
        CrossValidation()
        .set_data(X, y, groups=groups, slopes="a")
        .set_splits("LeaveOneGroupOut")
        .add_model(LinearMixedEffectsModel)
    )
    found = results_of(cv)
    assert not ordinary
    assert_equal_results(found, results_of(cv.copy().set_run(keep_estimators=True)))


def test_a_model_that_is_asked_for_is_fitted_again(ordinary):
    results = results_of(chain())
    assert all(fold.estimator is None for fold in results.folds)
    models = results.estimators["LinearMixedEffectsModel"]
    assert len(ordinary) == len(models) == 24
    assert models[3].named_steps["model"].converged_


def test_workers_change_nothing():
    alone, several = results_of(chain()), results_of(chain(n_jobs=2))
    pd.testing.assert_frame_equal(
        alone.predictions, several.predictions, check_exact=True
    )


def test_folds_that_sums_cannot_answer_are_fitted_the_ordinary_way(
    ordinary, monkeypatch
):
    made = LinearMixedEffectsModel.fits_without

    def some(self, X, y, *, scaled=False):
        without = made(self, X, y, scaled=scaled)
        return lambda rows: without(rows) if rows[0] % 16 else None

    monkeypatch.setattr(LinearMixedEffectsModel, "fits_without", some)
    cv = chain()
    found = results_of(cv)
    assert len(ordinary) == 12
    assert_equal_results(found, results_of(cv.copy().set_run(keep_estimators=True)))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "change",
    [
        lambda cv: cv.set_splits("GroupKFold", n_splits_out=5),
        lambda cv: cv.set_run(keep_estimators=True),
        lambda cv: cv.set_data(
            *_features()[:2], groups=_features()[2], weights=WEIGHTS
        ),
        lambda cv: cv.set_data(
            _features()[0].assign(a="x"), _features()[1], groups=_features()[2]
        ),
        lambda cv: cv.add_model(
            LinearMixedEffectsModel,
            post_processor=LMERModelPostProcessor,
            replace=True,
        ),
        lambda cv: cv.set_splits("LeaveOneGroupOut", known_rows=(0, 2)),
    ],
    ids=[
        "few folds",
        "kept models",
        "weights",
        "categories",
        "post-processor",
        "known rows",
    ],
)
def test_what_belongs_to_more_than_a_fit_is_fitted_the_ordinary_way(ordinary, change):
    results_of(change(chain()))
    assert len(ordinary) in (5, 24)


def test_small_runs_are_fitted_the_ordinary_way(ordinary, monkeypatch):
    monkeypatch.setattr(shared_fits, "MANY_ROWS", 1_000_000)
    results = results_of(chain())
    assert len(ordinary) == 24
    assert results.folds[0].traces is not None


def test_a_run_folder_gives_back_what_was_kept(ordinary, tmp_path):
    found = results_of(chain(run=tmp_path / "run"))
    assert not ordinary
    again = CrossValidationResults.load(tmp_path / "run")
    assert_equal_results(again, found)


def test_a_fold_without_an_answer_in_numbers_is_fitted_the_ordinary_way(
    ordinary, monkeypatch
):
    def fails(rows):
        raise np.linalg.LinAlgError("the fixed columns are dependent given V")

    monkeypatch.setattr(LinearMixedEffectsModel, "fits_without", lambda *_, **__: fails)
    results_of(chain())
    assert len(ordinary) == 24
