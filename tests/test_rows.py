import numpy as np
import pandas as pd

from flexcv._rows import take_arguments, take_rows


def test_tables_and_arrays_keep_rows_by_position():
    table = pd.DataFrame({"a": [1, 2, 3]}, index=[7, 8, 9])
    rows = np.array([2, 0])
    assert take_rows(table, rows)["a"].to_list() == [3, 1]
    assert take_rows(table.to_numpy(), rows).tolist() == [[3], [1]]


def test_arguments_of_another_length_stay():
    given = {"weight": (1.0, 2.0, 3.0), "names": ["a", "b"], "deep": True}
    assert take_arguments(given, np.array([1]), 3) == given | {"weight": [2.0]}
