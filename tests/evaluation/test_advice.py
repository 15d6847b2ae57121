"""What in the table may be the reason that a model failed."""

import numpy as np
import pandas as pd
import pytest

from flexcv.dataset import Task, make_dataset
from flexcv.evaluation.advice import add_advice

TABLE = pd.DataFrame({"x": [1.0, np.nan, 3.0], "f": ["a", "b", "a"]})


def notes_of(error, table=TABLE, y=(1.0, 2.0, 3.0), task=None):
    dataset = make_dataset(table, pd.Series(y, name="y"))
    add_advice(error, dataset if task is None else dataset.with_task(task))
    return " ".join(getattr(error, "__notes__", []))


def test_texts_are_named_where_numbers_were_wanted():
    found = notes_of(ValueError("could not convert string to float: 'a'"))
    assert "not numbers" in found
    assert "'f'" in found


def test_gaps_are_named_where_values_were_wanted():
    found = notes_of(ValueError("Input contains NaN."))
    assert "missing values" in found
    assert "'x'" in found
    assert "not numbers" not in found


@pytest.mark.parametrize(
    "error", [RuntimeError("could not convert"), ValueError("alpha must be positive")]
)
def test_other_errors_get_no_advice(error):
    assert notes_of(error) == ""


def test_tables_without_texts_or_gaps_get_none():
    error = ValueError("could not convert NaN")
    assert notes_of(error, pd.DataFrame({"x": [1.0, 2.0, 4.0]})) == ""


def test_a_lacking_class_points_to_the_check():
    task = Task((1.0, 2.0, 3.0))
    found = notes_of(
        ValueError("needs samples of at least 2 classes, one class"), task=task
    )
    assert "`cv.check()` says which" in found
    assert "holds texts" not in notes_of(ValueError("Invalid classes"), task=task)
    texts = notes_of(
        ValueError("Invalid classes"), y=["a", "b", "a"], task=Task(("a", "b"))
    )
    assert "holds texts" in texts
