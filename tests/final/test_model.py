"""What is kept predicts, tells what differs, and comes back from its folder."""

import json
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from optuna.distributions import IntDistribution
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeRegressor

from flexcv import CrossValidation, FinalModel
from flexcv.errors import CheckWarning, StorageError, VersionWarning
from flexcv.final import files
from flexcv.models import LinearMixedEffectsModel
from flexcv.results.kept_model import KeptModel

SILENT = ("groups-unused", "groups-new", "groups-ignored", "contextual-effects")


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(2)
    group = np.repeat([f"Mrs {n}" for n in range(20)], 5)
    X = pd.DataFrame({"age": rng.normal(50, 9, 100), "dose": rng.normal(size=100)})
    X["y"] = X["age"] / 9 + rng.normal(size=20).repeat(5) + rng.normal(size=100)
    return X.assign(patient=group)


def chain(table, splits="GroupKFold", y="y"):
    cv = CrossValidation().set_data(table, y, "patient", dataset_name="a study")
    cv = cv.set_splits(splits, n_splits_in=2).set_run(silence=SILENT, progress=False)
    return cv.set_inner_cv(4)


def fitted(table, model=Ridge, splits="GroupKFold", y="y", **options):
    cv = chain(table, splits, y).add_model(model, model_name="model", **options)
    return cv.perform().fit_final("model")


@pytest.fixture(scope="module")
def tree(table):
    depth = {"max_depth": IntDistribution(1, 5)}
    return fitted(table, DecisionTreeRegressor, params=depth)


@pytest.fixture(scope="module")
def lmm(table):
    return fitted(table, LinearMixedEffectsModel, "KFold")


# -- predictions --


def test_columns_may_stand_in_any_order_and_more_of_them(tree, table):
    other = table[["patient", "dose", "y", "age"]].assign(more="a")
    assert np.array_equal(tree.predict(other), tree.predict(table[["age", "dose"]]))


def test_other_kinds_of_tables_are_read(tree, table):
    expected = tree.predict(table)
    assert np.array_equal(tree.predict(pl.from_pandas(table)), expected)
    assert np.array_equal(tree.predict(dict(table.items())), expected)


def test_an_array_is_read_where_training_had_one(table):
    values = table[["age", "dose"]].to_numpy()
    cv = CrossValidation().set_data(values, table["y"].to_numpy()).add_model(Ridge)
    final = cv.set_run(silence="time-order").perform().fit_final("Ridge")
    assert np.array_equal(final.predict(values), final.estimator.predict(values))


def test_known_groups_are_predicted_with_their_effects(lmm, table):
    known, new = lmm.predict(table), lmm.predict(table.assign(patient="new"))
    assert not np.allclose(known, new)


def test_a_table_that_cannot_be_predicted_is_refused_in_a_sentence(tree, lmm, table):
    with pytest.raises(ValueError, match="the table lacks the column 'age', which"):
        tree.predict(table[["dose"]])
    with pytest.raises(ValueError, match="the table lacks the column 'patient', which"):
        lmm.predict(table[["dose", "age"]])
    with pytest.raises(ValueError, match="'age' holds labels such as 'old' where"):
        tree.predict_interval(table.assign(age="old"))


def test_a_table_that_is_unlike_training_is_told(tree, table):
    with pytest.warns(CheckWarning, match="'age' lies far outside of training"):
        tree.predict(table.assign(age=700.0))
    found = tree.check(table.assign(age=700.0, patient="new"))
    assert found["level"].tolist() == ["warn", "note"]
    assert tree.check(table).empty


class MinusOne(TransformerMixin, BaseEstimator):
    """Take one from every value."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return X - 1.0


@pytest.mark.parametrize("inside", [False, True])
def test_further_arguments_reach_the_model(table, inside):
    class Shifted(RegressorMixin, BaseEstimator):
        def fit(self, X, y):
            self.mean_ = float(np.mean(y))
            return self

        def predict(self, X, shift=0.0, known=None):
            more = 0.0 if known is None else known[0]["age"].mean() + np.sum(known[1])
            return np.full(len(X), self.mean_ + shift + more)

    model = make_pipeline(MinusOne(), Shifted()) if inside else Shifted()
    final = fitted(table, model)
    base = final.predict(table)
    assert np.allclose(final.predict(table, shift=2.0), base + 2.0)
    # Rows whose target is known are scaled as rows to predict are.
    known = (table, [1.0, 2.0])
    assert np.allclose(final.predict(table, known=known), base + 3.0 - inside)
    moved = final.predict_interval(table, shift=2.0)["prediction"]
    assert np.allclose(moved, base + 2.0)


# -- classes --


@pytest.fixture(scope="module")
def ill(table):
    state = np.where(table["y"] > table["y"].median(), "ill", "well")
    return table.drop(columns="y").assign(state=state)


def test_probabilities_have_a_column_per_class(ill):
    final = fitted(ill, LogisticRegression, y="state", threshold=0.2)
    found = final.predict_proba(ill)
    assert final.classes == ("ill", "well")
    assert np.array_equal(final.predict(ill) == "well", found[:, 1] >= 0.2)


def test_what_a_model_does_not_give_is_refused(ill, tree, table):
    final = fitted(ill, LinearSVC, y="state")
    with pytest.raises(TypeError, match="'model' gives no probabilities; use predict"):
        final.predict_proba(ill)
    with pytest.raises(TypeError, match="'model' predicts classes, which have no int"):
        final.predict_interval(ill)
    with pytest.raises(TypeError, match=r"'model' predicts numbers; use predict\."):
        tree.predict_proba(table)


# -- intervals --


def test_an_interval_is_as_wide_as_out_of_fold_rows_were_missed(table):
    cv = chain(table).add_model(Ridge).perform()
    final = cv.fit_final("Ridge")
    rows = table.iloc[[3, 60]]
    found = final.predict_interval(rows, 0.9)
    assert found.index.tolist() == [3, 60]
    assert np.array_equal(found["prediction"], final.predict(rows))
    test = cv.results.predictions.query("part == 'test'")
    errors = (test["y_true"] - test["y_pred"]).abs()
    width = final.misses.new.half_width(0.9)
    assert width in set(errors)
    assert np.allclose(found["upper"] - found["lower"], 2 * width)


def test_known_and_new_groups_have_intervals_of_their_own_question(lmm, table):
    rows = table.head(2)
    width = lmm.misses.known.half_width(0.95)
    found = lmm.predict_interval(rows)
    assert np.allclose(found["upper"] - found["prediction"], width)
    with pytest.raises(ValueError) as caught:
        lmm.predict_interval(rows.assign(patient=["Mrs 0", "Miss 1"]))
    assert str(caught.value) == (
        "1 rows are of new groups, and the run has measured known groups; perform with "
        "split_out='GroupKFold' for intervals that hold for new ones."
    )


def test_a_plan_of_both_kinds_of_rows_needs_the_column_that_tells(table):
    places = np.arange(100)
    first = table["patient"].isin(["Mrs 0", "Mrs 1"]).to_numpy() | (places % 5 == 0)
    pairs = [(places[~first], places[first]), (places[first], places[~first])]
    final = fitted(table, Ridge, pairs)
    assert final.misses.new is not None
    assert final.misses.known is not None
    assert len(final.predict_interval(table, level=0.5)) == 100
    with pytest.raises(ValueError, match="add the column 'patient', which tells them"):
        final.predict_interval(table.drop(columns="patient"), level=0.5)


def test_a_level_that_few_groups_cannot_give_is_refused(tree, table):
    with pytest.raises(ValueError) as caught:
        tree.predict_interval(table, 0.99)
    assert str(caught.value) == (
        "an interval of level 0.99 needs more than 20 out-of-fold groups, which is what "
        "there are; pass a level up to 0.952."
    )
    assert len(tree.predict_interval(table, 0.952)) == 100
    with pytest.raises(ValueError, match="`level` must lie in"):
        tree.predict_interval(table, 95)


def test_intervals_end_where_the_target_does(tree, table):
    found = tree.predict_interval(table, limits=(0.0, 6.0))
    assert found["lower"].min() >= 0.0
    assert found["upper"].max() == 6.0
    with pytest.raises(ValueError, match="`limits` must be the least and the greatest"):
        tree.predict_interval(table, limits=(6.0, 0.0))


# -- what is known about it --


def test_it_is_shown_in_sentences(tree):
    said = dict(tree.summary().to_numpy())
    assert said["model"] == "model, fitted to all 100 rows"
    assert said["question"] == "how well new groups are predicted"
    assert said["measured by"] == "GroupKFold, 5 folds"
    assert re.fullmatch(r"max_depth is \d.*", said["chosen on all rows"])
    assert repr(tree).splitlines()[:2] == ["<FinalModel 'model'>", "model: model, fitted to all 100 rows"]  # fmt: skip
    assert "<b>model</b>" in tree._repr_html_()


def test_results_know_its_members():
    missing = [name for name in KeptModel.__dict__ if not name.startswith("_") and not hasattr(FinalModel, name)]  # fmt: skip
    assert missing == ["estimator"]  # an attribute of each


# -- its folder --


def test_it_comes_back_as_it_was(tree, table, tmp_path):
    tree.save(tmp_path / "model")
    back = FinalModel.load(tmp_path / "model", trust_pickle=True)
    assert np.array_equal(back.predict(table), tree.predict(table))
    pd.testing.assert_frame_equal(
        back.predict_interval(table), tree.predict_interval(table)
    )
    pd.testing.assert_frame_equal(back.scores, tree.scores)
    pd.testing.assert_frame_equal(back.agreement, tree.agreement)
    assert repr(back) == repr(tree)
    strange = table.assign(patient="new", age=900.0)
    pd.testing.assert_frame_equal(back.check(strange), tree.check(strange))
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "card.html", "card.json", "model.joblib", "model.record",
    ]  # fmt: skip


def test_classes_and_learned_tables_come_back(ill, lmm, tmp_path):
    final = fitted(ill, LogisticRegression, y="state")
    final.save(tmp_path / "classes")
    back = FinalModel.load(tmp_path / "classes", trust_pickle=True)
    assert back.classes == final.classes
    assert np.array_equal(back.predict(ill), final.predict(ill))
    lmm.save(tmp_path / "lmm")
    card = FinalModel.load(tmp_path / "lmm", trust_pickle=True).card
    for name, learned in lmm.card.learned.items():
        pd.testing.assert_frame_equal(card.learned[name], learned)


class Noisy(Ridge):
    """Leave a trace where it is unpickled."""

    def __setstate__(self, state):
        Noisy.was_read = True
        super().__setstate__(state)


def test_nothing_is_unpickled_without_the_users_word(table, tmp_path):
    fitted(table, Noisy).save(tmp_path)
    Noisy.was_read = False
    for said in ({}, {"trust_pickle": False}):
        with pytest.raises(ValueError, match="pass trust_pickle=True if you wrote"):
            FinalModel.load(tmp_path, **said)
    assert not Noisy.was_read
    FinalModel.load(tmp_path, trust_pickle=True)
    assert Noisy.was_read


def test_other_files_are_not_written_over(tree, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(StorageError, match="holds files but no final model; choose"):
        tree.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(StorageError, match="holds no final model; pass a folder"):
        FinalModel.load(tmp_path, trust_pickle=True)


def test_a_later_model_takes_the_place_of_an_earlier_one(tree, lmm, table, tmp_path):
    tree.save(tmp_path)
    lmm.save(tmp_path)
    back = FinalModel.load(tmp_path, trust_pickle=True)
    assert np.array_equal(back.predict(table), lmm.predict(table))


@pytest.mark.parametrize("name", ["model.joblib", "model.record"])
def test_a_damaged_folder_is_refused(tree, tmp_path, name):
    tree.save(tmp_path)
    content = bytearray((tmp_path / name).read_bytes())
    content[-20] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StorageError, match="changed since it was written"):
        FinalModel.load(tmp_path, trust_pickle=True)


def test_other_versions_are_told(tree, table, tmp_path, monkeypatch):
    tree.save(tmp_path)
    real = files.version
    monkeypatch.setattr(files, "version", lambda name: "9.9" if name == "scikit-learn" else real(name))  # fmt: skip
    with pytest.warns(
        VersionWarning,
        match=r"'model' was made with other versions \(scikit-learn .*, here 9.9\)",
    ):
        back = FinalModel.load(tmp_path, trust_pickle=True)
    assert np.array_equal(back.predict(table), tree.predict(table))


def test_a_model_that_other_versions_cannot_read_says_so(tree, tmp_path, monkeypatch):
    def lost(file, digest):
        raise AttributeError("gone")

    tree.save(tmp_path)
    monkeypatch.setattr(files, "read_pickle", lost)
    with pytest.raises(AttributeError, match="gone"):
        FinalModel.load(tmp_path, trust_pickle=True)
    monkeypatch.setattr(files, "version", lambda name: "9.9")
    with pytest.raises(StorageError, match="cannot be read with other versions than"):
        FinalModel.load(tmp_path, trust_pickle=True)


def test_the_card_is_for_readers_and_names_no_group(tree, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDY_PASSWORD", "max_depth")
    tree.save(tmp_path)
    text = (tmp_path / "card.json").read_text(encoding="utf-8")
    page = (tmp_path / "card.html").read_text(encoding="utf-8")
    card = json.loads(text, parse_constant=pytest.fail)
    assert [score["metric"] for score in card["scores"]] == ["r2", "mse", "mae"]
    assert card["plan"]["outer"] == "GroupKFold"
    assert [column["name"] for column in card["columns"]] == ["age", "dose", "patient"]
    assert card["columns"][2]["n_levels"] == 20
    for written in (text, page):
        assert "Mrs" not in written
        assert "max_depth" not in written  # which is a password here
    assert page.startswith("<!doctype html>")
    assert "new groups" in page
