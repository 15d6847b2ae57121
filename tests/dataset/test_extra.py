"""Columns that splitters see and no model does."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import Ridge

from flexcv import CrossValidation, CrossValidationResults
from flexcv.dataset import make_dataset
from flexcv.errors import StorageError

TABLE = pd.DataFrame(
    {
        "x": np.arange(40.0) % 7,
        "id": np.repeat(list("abcd"), 10),
        "date": pd.date_range("2026-01-01", periods=40),
        "site": list("uv") * 20,
        "y": np.arange(40.0) % 5,
    }
)


class Columns(RegressorMixin, BaseEstimator):
    """Refuses every table but that of the one feature."""

    def fit(self, X, y):
        assert list(X) == ["x"]
        return self

    def predict(self, X):
        assert list(X) == ["x"]
        return np.zeros(len(X))


def of_pandas():
    return TABLE


def of_polars():
    return pytest.importorskip("polars").from_pandas(TABLE)


def of_pyarrow():
    return pytest.importorskip("pyarrow").Table.from_pandas(TABLE)


def of_duckdb():
    return pytest.importorskip("duckdb").from_df(TABLE)


def chain(table, folder=None, **splits):
    cv = CrossValidation().set_data(table, "y", "id", extra=["date", "site"])
    cv = cv.set_splits("TimeSeriesSplit", n_splits_out=2, **{"time": "date", **splits})
    return cv.set_run(folder, progress=False)


@pytest.mark.parametrize("make", [of_pandas, of_polars, of_pyarrow, of_duckdb])
def test_extra_columns_are_never_features(make):
    cv = chain(make()).add_model(Columns)
    assert cv.perform().results.warnings.empty
    data = make_dataset(make(), "y", "id", extra=["date", "site"])
    assert list(data.features) == ["x"]
    assert data.extra_names == ("date", "site")
    assert data.take(np.array([3, 1])).extra["date"].dt.day.tolist() == [4, 2]
    assert list(data.whole_table()) == ["x", "id", "date", "site"]


@pytest.mark.parametrize(
    "extra",
    [
        TABLE["date"],
        TABLE[["date"]],
        {"date": TABLE["date"].to_numpy()},
        {"date": TABLE["date"].tolist()},
    ],
    ids=["series", "frame", "array by name", "list by name"],
)
@pytest.mark.parametrize("index", [None, "site"])
def test_extra_columns_may_come_beside_the_table(extra, index):
    table = TABLE if index is None else TABLE.set_index(TABLE["site"].rename("place"))
    if index and hasattr(extra, "iloc"):
        extra = extra.set_axis(table.index)
    data = make_dataset(table[["x"]], table["y"], extra=extra)
    assert data.extra["date"].tolist() == TABLE["date"].tolist()
    assert list(data.features) == ["x"]


def test_numbers_name_extra_columns_and_times():
    table = TABLE.rename(columns={"date": 2026})
    cv = CrossValidation().set_data(table, "y", ["id", "site"], extra=2026)
    cv = cv.set_splits("TimeSeriesSplit", n_splits_out=2, time=2026)
    assert cv.plan.reads == ("2026",)


def test_a_new_table_forgets_the_extra_columns_of_the_old_one():
    cv = CrossValidation().set_data(TABLE, "y", "id", extra="date")
    cv.set_data(TABLE[["x", "y", "date"]], "y")
    assert cv._design.dataset.extra is None
    cv.set_data(TABLE, "y", "id").set_data(extra="date")
    assert cv._design.dataset.extra_names == ("date",)


def test_models_predict_on_the_whole_table():
    results = chain(TABLE).add_model(Ridge).perform().results
    assert len(results.estimators["Ridge"][0].predict(TABLE)) == 40


REFUSED = {
    "an unknown name": (
        "dat", ValueError,
        "`extra` names 'dat', which is no column of `X`; did you mean 'date'?",
    ),
    "an unknown name in a list": (
        ["dat"], ValueError,
        "`extra` names 'dat', which is no column of `X`; did you mean 'date'?",
    ),
    "a grouping column": (
        ["date", "id"], ValueError,
        "`extra` names 'id', which is a grouping column; leave it out of `extra`, "
        "splitters see grouping columns anyway.",
    ),
    "a feature's copy": (
        TABLE[["x"]], ValueError,
        "the extra column 'x' is also a feature; rename it, or pass extra='x' to move a "
        "column of `X` out of the features.",
    ),
    "the target's name": (
        TABLE["x"].rename("y"), ValueError,
        "the extra column 'y' is also the target; rename it, or pass extra='y' to move a "
        "column of `X` out of the features.",
    ),
    "no name": (
        TABLE["x"].to_numpy(), TypeError,
        "`extra` must be names of columns of `X`, or a Series with a name, a DataFrame "
        "or a dictionary of columns with a value per row, got ndarray.",
    ),
    "other rows": (
        TABLE["date"].rename("when").iloc[:5], ValueError,
        "`extra` has 5 rows but `X` has 40; pass one value per row of `X`.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_extra_column_is_refused_in_one_sentence(case):
    extra, kind, message = REFUSED[case]
    with pytest.raises(kind) as refusal:
        make_dataset(TABLE, "y", "id", extra=extra)
    assert str(refusal.value) == message


def test_a_column_of_times_is_passed_by_name():
    with pytest.raises(TypeError) as refusal:
        CrossValidation().set_splits(time=TABLE["date"])
    assert str(refusal.value) == (
        "`time` must be the name of a column, got Series; pass the column to "
        "set_data(extra=...) and its name as `time`."
    )


def test_a_run_that_reads_extra_columns_is_not_that_of_other_ones(tmp_path):
    first = chain(TABLE, tmp_path).add_model(Ridge).perform().results
    again = chain(TABLE, tmp_path).add_model(Ridge).perform().results
    pd.testing.assert_frame_equal(first.predictions, again.predictions)
    loaded = CrossValidationResults.load(tmp_path)
    assert loaded.facts["extra"] == ["date", "site"]
    pd.testing.assert_frame_equal(loaded.by_known_group(), first.by_known_group())
    other = TABLE.assign(site="w")  # no splitter reads it
    chain(other, tmp_path).add_model(Ridge).perform()
    # The same order, and so the same folds, but other dates.
    later = TABLE.assign(date=TABLE["date"] + pd.Timedelta(days=1))
    with pytest.raises(StorageError, match="another run: extra columns differ"):
        chain(later, tmp_path).add_model(Ridge).perform()


def test_workers_and_a_report_know_extra_columns():
    cv = chain(TABLE).add_model(Ridge)
    one = cv.perform().results
    two = cv.set_run(n_jobs=2, backend="threading").perform().results
    pd.testing.assert_frame_equal(one.predictions, two.predictions)
    assert "date, site" in one.report()
