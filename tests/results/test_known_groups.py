"""Scores of known and of new groups, side by side."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from flexcv import CrossValidation, CrossValidationResults
from flexcv.metrics import Metric
from flexcv.metrics.choice import LostFunction
from flexcv.results.known_groups import groups_treated, scores_by_known_group
from flexcv.results.tables import known_columns

MAE = Metric("mae", lambda y, p: float(np.abs(y - p).mean()), False)


@pytest.fixture
def rows():
    return pd.DataFrame(
        {
            "model": ["B"] * 5 + ["A"],
            "repeat": 0,
            "fold": [0, 0, 0, 1, 1, 0],
            "known_group": [True, True, False, True, True, True],
            "y_true": 0.0,
            "y_pred": [1.0, 3.0, 9.0, 4.0, 4.0, 7.0],
            "part": ["test"] * 6,
        }
    )


def test_folds_weigh_the_same_and_pooled_rows_do(rows):
    known = ("known groups", "mae")
    assert scores_by_known_group(rows, [MAE]).loc[known, "B"] == 3.0
    assert scores_by_known_group(rows, [MAE], pooled=True).loc[known, "B"] == 3.0
    longer = pd.concat([rows, rows.iloc[[3]].assign(y_pred=10.0)])
    assert scores_by_known_group(longer, [MAE]).loc[known, "B"] == 4.0
    assert scores_by_known_group(longer, [MAE], pooled=True).loc[known, "B"] == 4.4


def test_models_keep_their_order_and_lack_what_they_were_not_asked(rows):
    found = scores_by_known_group(rows, [MAE])
    assert list(found.columns) == ["B", "A"]
    assert found.loc[("new groups", "mae"), "B"] == 9.0
    assert np.isnan(found.loc[("new groups", "mae"), "A"])
    assert found.loc[("known groups", "n_rows")].tolist() == [4.0, 1.0]


def test_training_rows_and_lost_metrics_are_left_out(rows):
    more = pd.concat([rows, rows.assign(part="train", y_pred=100.0)])
    lost = Metric("lost", LostFunction("lost"), False)
    found = scores_by_known_group(more, [MAE, lost])
    assert found.loc[("known groups", "mae"), "B"] == 3.0
    assert ("known groups", "lost") not in found.index


def test_a_run_without_groups_is_refused(rows):
    with pytest.raises(ValueError, match="need groups, and this run has none"):
        scores_by_known_group(rows.assign(known_group=None), [MAE])


# -- crossed factors: a row may be of a new lecturer and of a known student --


class Newest:
    """Tests the last lecturers, and students of whom others know little."""

    def split(self, X, y=None, groups=None):
        is_test = (X["lecturer"] >= 15) | (X["student"] >= 30) & (X["hours"] > 2)
        yield np.flatnonzero(~is_test), np.flatnonzero(is_test)

    def __repr__(self):
        return "Newest()"


@pytest.fixture(scope="module")
def ratings():
    rng = np.random.default_rng(3)
    lecturer = np.repeat(np.arange(20), 15)
    student = np.concatenate([rng.choice(40, 15, replace=False) for _ in range(20)])
    hours = rng.uniform(1, 9, 300)
    grade = rng.normal(size=20)[lecturer] + rng.normal(size=40)[student] + 0.1 * hours
    return pd.DataFrame(
        {"lecturer": lecturer, "student": student, "hours": hours, "grade": grade}
    )


@pytest.fixture(scope="module")
def crossed(ratings):
    cv = CrossValidation().set_data(ratings, "grade", ["lecturer", "student"])
    cv = cv.set_splits(Newest()).add_model(Ridge)
    return cv.set_run(silence="groups-ignored").perform().results


def test_each_combination_of_known_and_new_is_scored(crossed, ratings):
    rows = crossed.predictions.query("part == 'test'")
    trained = crossed.predictions.query("part == 'train'")["row"]
    for name, column in (("lecturer", "known_group"), ("student", "known_student")):
        labels = ratings[name].to_numpy()
        expected = np.isin(labels[rows["row"]], labels[trained])
        assert rows[column].tolist() == expected.tolist()
    table = crossed.by_known_group()
    assert list(table.index.unique("Groups")) == [
        "known lecturer, known student",
        "known lecturer, new student",
        "new lecturer, known student",
        "new lecturer, new student",
    ]
    error = (rows["y_pred"] - rows["y_true"]).pow(2)
    for known, mark in ((True, "known"), (False, "new")):
        for seen, word in ((True, "known"), (False, "new")):
            own = rows["known_group"].eq(known) & rows["known_student"].eq(seen)
            cell = table.loc[f"{mark} lecturer, {word} student"]
            assert cell.loc["n_rows", "Ridge"] == own.sum()
            assert cell.loc["mse", "Ridge"] == pytest.approx(error[own].mean())


def test_one_factor_is_told_apart_alone(crossed):
    table = crossed.by_known_group(factor="student")
    assert list(table.index.unique("Groups")) == ["known student", "new student"]
    counts = table.xs("n_rows", level="Metric")["Ridge"]
    assert counts.sum() == len(crossed.predictions.query("part == 'test'"))
    with pytest.raises(ValueError, match="`factor` must be one of 'lecturer', 'stud"):
        crossed.by_known_group(factor="studen")


def test_the_question_and_the_report_say_it_per_factor(crossed):
    shares = crossed.information["known_groups"]
    rows = crossed.predictions.query("part == 'test'")
    assert shares["lecturer"] == pytest.approx(rows["known_group"].mean())
    assert shares["student"] == pytest.approx(rows["known_student"].mean())
    question = (
        "How well does each model predict rows of a partly known lecturer (35 % of test "
        "rows) and a partly known student (64 % of test rows)?"
    )
    assert question in repr(crossed)
    page = crossed.report()
    assert question in page
    assert "part: 35 % by lecturer, 64 % by student." in page
    assert "new lecturer, known student" in page


def test_stored_results_know_every_factor(crossed, tmp_path):
    crossed.save(tmp_path)
    loaded = CrossValidationResults.load(tmp_path)
    pd.testing.assert_frame_equal(loaded.predictions, crossed.predictions)
    pd.testing.assert_frame_equal(loaded.by_known_group(), crossed.by_known_group())
    pd.testing.assert_frame_equal(loaded.groups, crossed.groups)


def test_plans_of_crossed_factors_have_names_per_factor(ratings, tmp_path):
    cv = CrossValidation().set_data(ratings, "grade", ["lecturer", "student"])
    cv = cv.set_splits(["KFold", "GroupKFold", Newest()], n_splits_out=3)
    cv = cv.add_model(Ridge).set_run(tmp_path / "run", silence=["groups-ignored", "groups-unused"])  # fmt: skip
    plans = cv.perform().results
    assert list(plans) == [
        "known lecturer, known student",
        "new lecturer, known student",
        "partly known lecturer, partly known student",
    ]
    loaded = CrossValidationResults.load(tmp_path / "run")
    assert set(loaded) == set(plans)
    assert plans.by_known_group(factor="lecturer").shape[1] == 3


def test_the_column_of_a_factor_takes_no_other_ones_name():
    names = ["site", "group", "group_"]
    assert list(known_columns(names).values()) == ["known_group", "known_group_", "known_group__"]  # fmt: skip


@pytest.mark.parametrize(
    ("information", "said"),
    [
        ({"known_groups": {}}, "The table has no groups"),
        ({"known_groups": {"id": 0.0}}, "Every group is whole"),
        ({"known_groups": {"id": 1.0}}, "Rows of a group lie in the training and"),
        ({"known_groups": {"id": 0.4}}, "Of 40 % of the test rows the group has rows"),
        ({"known_groups": {"a": 0.0, "b": 1.0}}, "part: 0 % by a, 100 % by b. Where"),
        ({"question": "new groups"}, "Every group is whole"),
        ({}, ""),
    ],
)
def test_a_report_says_whose_groups_are_known(information, said):
    assert said in groups_treated(information)
