"""Tables of numbers are checked as arrays, others keep their columns."""

import numpy as np
import pandas as pd
import pytest

from flexcv.models import LinearModel
from flexcv.models.design._table import prediction_table, training_table

NUMBERS = pd.DataFrame(
    {"a": np.arange(6, dtype=np.int8), "b": [0.5, 0.1, 0.9, 0.3, 0.2, 0.7]}
)
MIXED = NUMBERS.assign(k=pd.Categorical(list("uvuvuv")))
TARGET = np.array([1.0, 3.0, 2.0, 5.0, 4.0, 7.0])


def test_a_table_of_numbers_becomes_floats():
    table, _ = training_table(LinearModel(), NUMBERS, TARGET, named=False)
    assert list(table.dtypes) == [np.float64, np.float64]
    assert list(table.columns) == ["a", "b"]


def test_a_table_with_other_columns_stays_what_it_is():
    table, _ = training_table(LinearModel(), MIXED, TARGET, named=False)
    pd.testing.assert_frame_equal(table, MIXED)


def test_numbers_are_predicted_from_a_table_of_floats():
    model = LinearModel().fit(NUMBERS, TARGET)
    assert list(prediction_table(model, NUMBERS).dtypes) == [np.float64, np.float64]
    mixed = LinearModel().fit(MIXED, TARGET)
    assert prediction_table(mixed, MIXED) is MIXED


@pytest.mark.parametrize("rows", [1, 0])
def test_too_few_rows_are_refused(rows):
    with pytest.raises(ValueError, match=f"got n_samples = {rows}; pass more rows"):
        training_table(LinearModel(), MIXED[:rows], TARGET[:rows], named=False)
