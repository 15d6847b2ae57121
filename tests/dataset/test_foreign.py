"""Tables as people have them: of other libraries, with names of any kind."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from sklearn.linear_model import Ridge

from flexcv import CrossValidation
from flexcv.dataset import make_dataset

TABLE = pd.DataFrame(
    {
        "x": [1.0, 2.0, 3.0, 4.0],
        "site": ["a", "a", "b", "b"],
        "y": [0.5, 1.0, 1.5, 2.5],
    }
)


def of_polars():
    return pytest.importorskip("polars").from_pandas(TABLE)


def of_pyarrow():
    return pytest.importorskip("pyarrow").Table.from_pandas(TABLE)


def of_duckdb():
    duckdb = pytest.importorskip("duckdb")
    return duckdb.from_df(TABLE)


@pytest.mark.parametrize("make", [of_polars, of_pyarrow, of_duckdb])
def test_a_table_of_another_library_gives_the_same_dataset(make):
    mine = make_dataset(TABLE, "y", "site")
    theirs = make_dataset(make(), "y", "site")
    pd.testing.assert_frame_equal(theirs.features, mine.features)
    pd.testing.assert_series_equal(theirs.target, mine.target)
    assert theirs.groups["site"].astype(str).tolist() == ["a", "a", "b", "b"]


def test_columns_of_another_library_are_target_and_groups():
    polars = pytest.importorskip("polars")
    data = make_dataset(
        polars.DataFrame({"x": [1.0, 2.0]}),
        polars.Series("y", [0.1, 0.2]),
        polars.Series("g", ["a", "b"]),
    )
    assert data.target.name == "y"
    assert data.groups["g"].tolist() == ["a", "b"]


def test_results_stay_those_of_pandas():
    polars = pytest.importorskip("polars")
    rng = np.random.default_rng(0)
    table = {"x": rng.normal(size=30), "y": rng.normal(size=30), "g": [1, 2, 3] * 10}
    runs = [
        CrossValidation()
        .set_data(kind(table), "y", "g")
        .set_splits("GroupKFold", n_splits_out=3)
        .set_run(silence="groups-unused")
        .add_model(Ridge)
        .perform()
        .results
        for kind in (pd.DataFrame, polars.DataFrame)
    ]
    pd.testing.assert_frame_equal(runs[0].predictions, runs[1].predictions)


@pytest.mark.parametrize("names", [(0, 1, 2), (("a", "x"), ("a", "g"), ("b", "y"))])
def test_names_of_any_kind_name_columns(names):
    x, group, y = names
    table = TABLE.set_axis(list(names), axis=1)
    data = make_dataset(table, y, groups=group, slopes=x)
    assert list(data.features) == [str(x)]
    assert data.target.name == str(y)
    assert data.slopes == (str(x),)
    assert list(make_dataset(table, y, groups=[group]).groups) == [str(group)]


def test_one_name_in_a_list_is_the_targets():
    assert make_dataset(TABLE, ["y"], "site").target.tolist() == TABLE["y"].tolist()


def test_numbers_that_are_labels_are_no_names():
    table = pd.DataFrame({0: [1.0, 2.0, 4.0], 1: [3.0, 1.0, 2.0]})
    data = make_dataset(table, [0.1, 0.2, 0.3], groups=[0, 1, 0])
    assert list(data.features) == ["0", "1"]
    assert data.groups["group"].tolist() == [0, 1, 0]


def test_a_level_of_the_index_is_named():
    table = TABLE.set_index("site")
    with pytest.raises(
        ValueError, match=r"a level of its index; pass X\.reset_index\(\)\."
    ):
        make_dataset(table, "y", "site")


def test_a_sparse_matrix_is_told():
    with pytest.raises(TypeError, match=r"got a sparse matrix; pass X\.toarray\(\)"):
        make_dataset(scipy.sparse.eye_array(4), [1.0, 2.0, 3.0, 4.0])
