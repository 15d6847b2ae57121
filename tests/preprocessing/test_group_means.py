import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from flexcv.datasets import load_pbc
from flexcv.preprocessing import GroupMeans


@given(st.lists(st.integers(0, 4), min_size=2, max_size=30), st.integers(0, 10**6))
def test_means_are_those_of_the_rows_at_hand(groups, seed):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"x": rng.normal(size=len(groups)), "id": groups})
    step = GroupMeans("id", columns=["x"]).fit(table)
    part = table.sample(frac=0.6, random_state=0)
    for rows in (table, part):
        found = step.transform(rows)
        wanted = rows.groupby("id")["x"].transform("mean")
        np.testing.assert_allclose(found["x_mean"], wanted)
        pd.testing.assert_frame_equal(found[["x", "id"]], rows)


def test_what_does_not_vary_within_or_between_groups_gets_no_mean():
    table = pd.DataFrame(
        {
            "both": [1.0, 2.0, 3.0, 5.0],
            "constant": [1.0, 1.0, 2.0, 2.0],
            "within": [0, 1, 0, 1],
            "text": list("abcd"),
            "id": list("ppqq"),
        }
    )
    assert GroupMeans("id").fit(table).columns_ == ["both"]


def test_centred_columns_give_the_slope_within_and_the_slope_between():
    table = load_pbc()
    step = GroupMeans("patient", ["albumin"], centred=True, drop_groups=True)
    rows = step.fit_transform(table[["albumin", "patient"]])
    assert (
        list(rows) == list(step.get_feature_names_out()) == ["albumin", "albumin_mean"]
    )
    fit = LinearRegression().fit(rows, table["log_bili"])
    apart = table.groupby("patient")[["albumin", "log_bili"]].transform("mean")
    inner = table[["albumin", "log_bili"]] - apart
    within = (inner["albumin"] @ inner["log_bili"]) / (
        inner["albumin"] @ inner["albumin"]
    )
    between = np.polyfit(apart["albumin"], apart["log_bili"], 1)[0]
    np.testing.assert_allclose(fit.coef_, [within, between], rtol=1e-10)


def test_a_new_group_of_one_row_and_rows_without_a_label_have_their_own_values():
    table = pd.DataFrame({"x": [1.0, 3.0, 5.0, 9.0], "id": ["a", "a", "b", "b"]})
    step = GroupMeans("id").fit(table)
    new = pd.DataFrame({"x": [2.0, 4.0, 8.0], "id": ["new", None, None]})
    assert step.transform(new)["x_mean"].to_list() == [2.0, 4.0, 8.0]


def test_it_is_a_step_of_a_pipeline_and_can_be_cloned():
    table = load_pbc()[["albumin", "protime", "patient", "log_bili"]]
    steps = make_pipeline(GroupMeans("patient", drop_groups=True), LinearRegression())
    X, y = table.drop(columns="log_bili"), table["log_bili"]
    plain = LinearRegression().fit(X[["albumin", "protime"]], y)
    assert clone(steps).fit(X, y).score(X, y) > plain.score(
        X[["albumin", "protime"]], y
    )


@pytest.mark.parametrize(
    ("table", "kind", "message"),
    [
        (np.zeros((3, 2)), TypeError, "`X` must be a DataFrame because GroupMeans"),
        ({"x": [1.0, 2.0]}, ValueError, "the table must have the column 'id'"),
        (
            {"x": [1.0, 2.0, 4.0, 8.0], "x_mean": 0.0, "id": list("aabb")},
            ValueError,
            "the group mean of 'x' would be called 'x_mean', which the table has already",
        ),
    ],
)
def test_what_cannot_be_done_is_said(table, kind, message):
    X = pd.DataFrame(table) if isinstance(table, dict) else table
    with pytest.raises(kind, match=message):
        GroupMeans("id").fit(X)
