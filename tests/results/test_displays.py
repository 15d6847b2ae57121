"""What a notebook and a terminal show of results, short and true."""

import os

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Lasso, Ridge

from flexcv import CrossValidation
from flexcv.errors import (
    FailedModelWarning,
    NotPerformedError,
    OlderChainWarning,
    RunInterrupted,
)
from flexcv.results.displays import SentenceFrame

RNG = np.random.default_rng(0)
X = pd.DataFrame(RNG.normal(size=(60, 2)), columns=["a", "b"])
Y = X["a"] + RNG.normal(size=60)


class Stopped(Ridge):
    """Somebody presses Ctrl-C in the third fit; the environment is no part of code."""

    def fit(self, X, y):
        os.environ["N_FITS"] = str(int(os.environ["N_FITS"]) + 1)
        if os.environ["N_FITS"] == "3":
            raise KeyboardInterrupt
        return super().fit(X, y)


class Broken(Ridge):
    def fit(self, X, y):
        raise ValueError("no")


def chain(*models, **run):
    cv = CrossValidation().set_data(X, Y).set_splits(n_splits_out=4)
    for model in models:
        cv.add_model(model)
    return cv.set_run(progress=False, **run)


@pytest.fixture(scope="module")
def results():
    return chain(Ridge, Lasso).perform().results


def test_text_and_html_say_what_the_report_says_first(results):
    report = results.report()
    answer = next(line for line in repr(results).splitlines() if "Best by" in line)
    assert answer in results._repr_html_()
    assert answer in report
    assert f"{results.summary.loc[('mean', 'r2'), 'Ridge']:.3g} ±" in repr(results)


def test_a_models_lists_and_models_are_short(results):
    shown = repr(results["Ridge"])
    assert len(shown.splitlines()) == 6
    assert "fold" in shown
    assert len(results["Ridge"]["y_pred"]) == 4
    assert repr(results.estimators) == (
        "<fitted models by name, one per fold: Ridge (4), Lasso (4)>"
    )
    assert len(results["Ridge"]._repr_html_()) < 3000


def test_sentences_are_shown_whole_and_frames_made_of_them_are_plain(results):
    pairs = results.compare()
    assert isinstance(pairs, SentenceFrame)
    assert pairs["sentence"][0] in repr(pairs)
    assert pairs["sentence"][0].split("(")[0] in pairs._repr_html_()
    assert type(pairs.head(1)) is pd.DataFrame


def test_sentences_are_wide_and_begin_at_the_left_in_a_notebook():
    shown = SentenceFrame({"n": [1], "message": ["a sentence " * 9]})._repr_html_()
    assert '<td style="white-space: normal; text-align: left; min-width: ' in shown
    assert "<td>1</td>" in shown


OLDER = {"property": lambda cv: cv.results, "method": lambda cv: cv.get_results()}


@pytest.mark.parametrize("ask", OLDER.values(), ids=OLDER)
def test_the_warning_of_an_older_chain_names_the_line_that_asks(ask):
    cv = chain(Ridge).perform().add_model(Lasso)
    with pytest.warns(OlderChainWarning) as told:
        ask(cv)
    assert told[0].filename == __file__


def test_a_frame_without_sentences_is_shown_as_any_frame():
    assert repr(SentenceFrame(columns=["message"])) == repr(
        pd.DataFrame(columns=["message"])
    )


def test_one_fold_is_one_fold():
    results = chain(Ridge).set_splits(break_cross_val=True).perform().results
    assert repr(results).splitlines()[0] == "<CrossValidationResults of 1 fold>"
    assert repr(results["Ridge"]).startswith("<Ridge on 1 fold: ")


def test_names_of_models_are_completed(results):
    assert results._ipython_key_completions_() == ["Ridge", "Lasso"]
    assert "scores" in dir(results.plot)


def test_a_performed_chain_shows_what_came_out():
    cv = chain(Ridge)
    assert "Best by" not in repr(cv)
    cv.perform()
    assert repr(cv).endswith(repr(cv.results))
    assert "Best by" in cv._repr_html_()
    cv.add_model(Lasso)
    assert "Best by" not in repr(cv)


ASKED = {
    "summary": lambda r: r.summary,
    "compare": lambda r: r.compare(),
    "interval": lambda r: r.interval(),
    "scores_of": lambda r: r.scores_of("r2"),
    "by_known_group": lambda r: r.by_known_group(),
    "report": lambda r: r.report(),
    "plot": lambda r: r.plot.scores(),
    "best": lambda r: r.get_best_model_by_metric(),
    "item": lambda r: r["Broken"],
    "predictions of a fold": lambda r: r.get_predictions("Broken", 0),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
def test_nothing_finished_is_told_by_every_method(ask):
    cv = chain(Broken)
    with pytest.raises(Exception, match="no"):
        cv.perform()
    with pytest.raises(NotPerformedError, match=r"^0 of 4 units were finished \(.*no"):
        ask(cv.results)
    for table in ("scores", "predictions", "params", "trials", "traces", "warnings"):
        assert getattr(cv.results, table).empty
    assert "0 of 4 units" in repr(cv.results)
    assert "0 of 4 units" in cv.results._repr_html_()


@pytest.mark.parametrize("in_folder", [False, True])
def test_stopping_speaks_one_sentence(tmp_path, in_folder, monkeypatch):
    monkeypatch.setenv("N_FITS", "0")
    cv = chain(Stopped, run=tmp_path / "run" if in_folder else None)
    with pytest.raises(RunInterrupted) as stop:
        cv.perform()
    said = str(stop.value)
    assert said.startswith("2 of 4 units were finished")
    assert ("goes on from there" in said) == in_folder
    assert stop.value._render_traceback_() == [f"Interrupted: {said}"]
    assert len(cv.results.folds) == 2
    assert cv.results.is_partial
    cv.perform()
    assert int(os.environ["N_FITS"]) == (3 + 2 if in_folder else 3 + 4)
    assert len(cv.results.folds) == 4


def test_models_of_a_stopped_run_are_compared_on_shared_folds(monkeypatch):
    monkeypatch.setenv("N_FITS", "0")
    even = chain(Stopped, Ridge)
    with pytest.raises(RunInterrupted):
        even.perform()
    assert "about a part of its folds.\nBest by r2" in repr(even.results)
    cv = chain(Lasso, Ridge, Stopped)
    monkeypatch.setenv("N_FITS", "1")
    with pytest.raises(RunInterrupted):
        cv.perform()
    results = cv.results
    assert [len(results[name]["model"]) for name in results] == [2, 2, 1]
    shown = repr(results)
    assert (
        "This run stopped early: what follows is about a part of its folds, and "
        "not of the same for every model; `compare` takes shared ones."
    ) in shown
    assert "Best by" not in shown
    assert results.compare("r2", n_bootstrap=100)["n_folds"].tolist() == [2, 1, 1]
    assert "Stopped" in results.report()


def test_failed_folds_are_counted_first():
    cv = chain(Ridge, Broken, on_error="record")
    with pytest.warns(FailedModelWarning):
        results = cv.perform().results
    said = "Failed folds: Broken on 4 of 4; `results.warnings` says why."
    for shown in (repr(results), results._repr_html_(), results.report()):
        assert said in shown
    assert "± -" not in repr(results)
    assert "- to -" not in repr(results)


def test_no_interval_is_said_in_words():
    X, y = {"a": [0.0, 1.0, 2.0, 3.0]}, [0.0, 1.0, 2.5, 3.0]
    splits = {"n_splits_out": 2, "break_cross_val": True}
    cv = CrossValidation().set_data(X, y).set_splits(**splits).add_model(Ridge)
    assert "(no interval: fewer than two folds and too few groups)." in repr(
        cv.perform().results
    )


def test_cells_may_be_run_again():
    cv = chain(Ridge)
    cv.add_model(Lasso, model_kwargs={"alpha": 1.0})
    with pytest.raises(ValueError, match="replace=True"):
        cv.add_model(Lasso, model_kwargs={"alpha": 0.1})
    cv.add_model(Ridge, model_kwargs={"alpha": 5.0}, replace=True)
    assert list(cv.perform().results) == ["Ridge", "Lasso"]
    assert cv.results.estimators["Ridge"][0]["model"].alpha == 5.0
    cv.remove_model("Ridge")
    with pytest.warns(OlderChainWarning, match="before the models changed"):
        _ = cv.results
    assert list(cv.perform().results) == ["Lasso"]
    with pytest.raises(KeyError, match="did you mean 'Lasso'"):
        cv.remove_model("Laso")


def test_a_copy_is_changed_alone():
    cv = chain(Ridge)
    other = cv.copy().add_model(Lasso).set_splits(n_splits_out=2)
    assert other is not cv
    assert len(cv.plan) == 4
    assert len(other.plan) == 2
    assert cv.set_splits(n_repeats=2).plan.to_frame()["fold"].nunique() == 4
    assert other.set_splits(n_repeats=2).plan.to_frame()["fold"].nunique() == 2


def test_pictures_are_shown_by_any_front_end(results):
    for shown in (
        results.plot.scores("r2", sort=True),
        results.plot.scores("r2").figure,
        results.plot.predicted("Ridge"),
    ):
        data, metadata = shown._repr_mimebundle_()
        assert data["image/png"].startswith(b"\x89PNG")
        assert metadata["image/png"]["width"] < 1000
        as_svg, _ = shown._repr_mimebundle_(include=["image/svg+xml"])
        assert "<svg" in as_svg["image/svg+xml"]


def test_predicted_shares_its_range_and_tells_folds(results):
    ax = results.plot.predicted("Ridge")
    assert ax.get_xlim() == ax.get_ylim()
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == [f"fold {number}" for number in range(4)]
    best = results.plot.scores("mse", sort=True)
    means = results.summary.loc[("mean", "mse")]
    assert best.get_yticklabels()[0].get_text() == means.idxmin()
