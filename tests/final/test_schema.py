import datetime as dt

import numpy as np
import pandas as pd
import pytest

from flexcv.dataset import make_dataset
from flexcv.final.schema import differences, table_schema


@pytest.fixture(scope="module")
def training():
    return pd.DataFrame(
        {
            "age": [26.0, 40.0, 78.0, 55.0],
            "site": ["A", "B", "A", "C"],
            "sick": [True, False, True, True],
            "kind": pd.Categorical(["x", "y", "x", "y"]),
            "blood": [1.0, np.nan, 2.0, 3.0],
            "visit": pd.date_range("2024-01-01", periods=4),
        }
    )


@pytest.fixture(scope="module")
def schema(training):
    groups = pd.Series([1, 1, 2, 2], name="patient")
    return table_schema(make_dataset(training, [1.0, 2.0, 3.0, 4.0], groups), ())


def told(schema, table, needed=("age", "site")):
    return [found[1:] for found in differences(schema, table, needed)]


def test_the_training_table_itself_differs_in_nothing(schema, training):
    assert told(schema, training.assign(patient=[1, 1, 2, 2])) == []
    assert told(schema, training.iloc[:1]) == []


def test_further_columns_are_left_alone(schema, training):
    assert told(schema, training.assign(more="a")) == []


CASES = {
    "a column lacks": (lambda t: t.drop(columns="age"), "stop", "the table lacks the column 'age', which the model was trained with; add it."),
    "a name is written otherwise": (lambda t: t.rename(columns={"age": "Age"}), "stop", "the table lacks the column 'age', which the model was trained with; did you mean 'Age'?"),
    "numbers as text": (lambda t: t.assign(age="63 y"), "stop", "'age' holds labels such as '63 y' where training had numbers (26 to 78); convert it."),
    "labels as numbers": (lambda t: t.assign(site=1), "stop", "'site' holds numbers such as 1 where training had labels ('A', 'B', 'C'); convert it."),
    "dates as text": (lambda t: t.assign(visit=t["visit"].astype(str)), "stop", "'visit' holds labels such as '2024-01-01' where training had dates; convert it."),
    "an unknown level": (lambda t: t.assign(site=["A", "Z", "Y", "Z"]), "warn", "'site' has levels that training did not show, 'Z', 'Y', in 3 of 4 rows; the model has learned nothing about them."),
    "an unknown category": (lambda t: t.assign(kind=pd.Categorical(["x", "x", "z", "x"])), "warn", "'kind' has levels that training did not show, 'z', in 1 of 4 rows; the model has learned nothing about them."),
    "another unit": (lambda t: t.assign(age=t["age"] * 12), "warn", "'age' lies far outside of training in 4 of 4 rows, with 936 where training had 26 to 78; look at its units, and trust no prediction there."),
    "missing": (lambda t: t.assign(age=[26.0, np.nan, 30.0, 40.0]), "warn", "'age' is missing in 1 of 4 rows and never was in training, so nothing was learned about that; fill it, or leave the rows out."),
    "new groups": (lambda t: t.assign(patient=[1, 2, 3, 3]), "note", "2 of 4 rows are of a group in 'patient' that training did not show."),
    "no group": (lambda t: t.assign(patient=[1, 2, None, 2]), "warn", "1 of 4 rows have no label in 'patient'; each counts as a new group."),
}  # fmt: skip


@pytest.mark.parametrize(("change", "level", "message"), CASES.values(), ids=CASES)
def test_what_differs_is_said_in_a_sentence(schema, training, change, level, message):
    assert (level, message) in told(schema, change(training))


def test_missing_values_that_training_had_and_near_values_are_fine(schema, training):
    near = training.assign(age=[20.0, 100.0, 50.0, 50.0], blood=np.nan)
    assert told(schema, near) == []


def test_labels_of_groups_are_one_as_number_and_as_text(schema, training):
    assert told(schema, training.assign(patient=["1", "2", "2", "1"])) == []
    assert told(schema, training.assign(patient=[1.0, 2.0, 2.0, 1.0])) == []


def test_truth_values_and_whole_numbers_are_numbers(schema, training):
    assert told(schema, training.assign(age=[30, 40, 50, 60], sick=[0, 1, 1, 0])) == []


def test_a_date_in_text_is_a_label_however_many_rows_there_are(training):
    table = training.assign(visit=training["visit"].astype(str))
    learned = table_schema(make_dataset(table, [1.0, 2.0, 3.0, 4.0]), ())
    assert told(learned, table.iloc[:1]) == []
    later = table.assign(visit=[str(dt.date(2025, 1, 1)), *table["visit"][1:]])
    [(level, _)] = told(learned, later)
    assert level == "warn"


def test_a_column_that_was_empty_in_training_may_hold_anything():
    table = pd.DataFrame({"x": [1.0, 2.0], "empty": [None, None]})
    learned = table_schema(make_dataset(table, [1.0, 2.0]), ())
    assert told(learned, table.assign(empty=1.0)) == []


def test_dates_of_which_some_were_missing_are_dates_still(training):
    table = training[["visit"]].assign(visit=[None, *training["visit"][1:]])
    learned = table_schema(make_dataset(table, [1.0, 2.0, 3.0, 4.0]), ())
    assert told(learned, table) == []
    [(level, _)] = told(learned, table.assign(visit=1.0))
    assert level == "stop"


def test_a_constant_feature_has_no_range_to_be_near():
    table = pd.DataFrame({"x": [3, 3, 3]})
    learned = table_schema(make_dataset(table, [1.0, 2.0, 3.0]), ())
    [(level, message)] = told(learned, pd.DataFrame({"x": [4]}))
    assert level == "warn"
    assert "with 4 where training had 3 to 3" in message


def test_infinite_values_lie_far_outside(schema, training):
    [(_, message)] = told(schema, training.assign(age=[np.inf, 30.0, 30.0, 30.0]))
    assert "with inf where" in message
