import numpy as np
import pandas as pd
import pytest

from flexcv.dataset import make_dataset


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "x": [1.0, 2.0, 3.0, 4.0],
            "kind": ["a", "b", "a", "b"],
            "subject": ["s1", "s1", "s2", "s2"],
            "score": [0.1, 0.2, 0.3, 0.4],
        }
    )


@pytest.fixture
def features(table):
    return table[["x", "kind"]]


def test_series_frames_arrays_and_lists_are_aligned_by_position(features):
    given = {
        "series": pd.Series([1, 2, 3, 4]),
        "frame": pd.DataFrame({"t": [1, 2, 3, 4]}),
        "array": np.array([1, 2, 3, 4]),
        "column": np.array([[1], [2], [3], [4]]),
        "list": [1, 2, 3, 4],
    }
    for y in given.values():
        assert make_dataset(features, y).target.tolist() == [1, 2, 3, 4]


def test_arrays_get_named_columns():
    data = make_dataset(np.eye(3), [1, 2, 3], groups=np.array([7, 7, 8]))
    assert list(data.features) == ["x0", "x1", "x2"]
    assert data.group_names == ("group",)


def test_columns_are_moved_out_of_the_features_by_name(table):
    data = make_dataset(table, "score", "subject", "x")
    assert list(data.features) == ["x", "kind"]
    assert data.target.name == "score"
    assert data.group_names == ("subject",)
    assert data.slopes == ("x",)


def test_a_list_of_labels_is_not_taken_for_column_names(features):
    data = make_dataset(features, [1, 2, 3, 4], groups=["x1", "x1", "x2", "x2"])
    assert data.splitting_groups.tolist() == ["x1", "x1", "x2", "x2"]


def test_the_first_of_several_grouping_columns_splits(features):
    groups = pd.DataFrame({"plate": [1, 1, 2, 2], "sample": [1, 2, 1, 2]})
    data = make_dataset(features, [1, 2, 3, 4], groups)
    assert data.splitting_groups.name == "plate"
    assert list(data.table(["sample"])) == ["x", "kind", "sample"]


def test_changing_the_given_table_later_changes_nothing(features):
    data = make_dataset(features, [1, 2, 3, 4])
    features.loc[0, "x"] = 99.0
    assert data.features["x"].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_changing_the_given_array_later_changes_nothing():
    X, y = np.ones((3, 1)), np.zeros(3)
    data = make_dataset(X, y)
    X[0], y[0] = 99, 99
    assert data.features.to_numpy().max() == 1
    assert data.target.max() == 0


def test_column_names_become_text(features):
    data = make_dataset(pd.DataFrame({0: [1, 2], 1: [3, 4]}), [1, 2])
    assert list(data.features) == ["0", "1"]


def test_slopes_come_as_names_or_as_columns_of_the_table(table):
    X, y, groups = table[["x"]], table["score"], table["subject"]
    for slopes in ("x", ["x"], ("x",), X, X["x"]):
        assert make_dataset(X, y, groups, slopes).slopes == ("x",)


def test_numbered_columns_can_be_slopes():
    X = pd.DataFrame({0: [1.0, 2.0], 1: [3.0, 4.0]})
    for slopes in (1, [1], "1"):
        assert make_dataset(X, [1, 2], ["a", "b"], slopes).slopes == ("1",)


def test_no_slopes_may_come_in_any_form(table):
    X, y, groups = table[["x"]], table["score"], table["subject"]
    for slopes in (None, [], (), pd.DataFrame(index=X.index)):
        assert make_dataset(X, y, groups, slopes).slopes == ()


def test_missing_feature_values_and_unused_categories_are_accepted(table):
    X = table[["x"]].assign(x=[1.0, None, 3.0, 4.0])
    groups = pd.Series(["a", "a", "b", "b"], dtype=pd.CategoricalDtype(list("abc")))
    data = make_dataset(X, table["score"], groups)
    assert data.group_codes().tolist() == [0, 0, 1, 1]


def test_a_target_computed_from_a_feature_does_not_keep_its_name(table):
    data = make_dataset(table[["x"]], table["x"] * 2 + 1)
    assert data.target.name == "y"


def test_one_row_groups_everywhere_are_accepted(features):
    assert len(make_dataset(features, [1, 2, 3, 4], list("abcd"))) == 4


def test_the_repr_says_sizes_and_not_the_data(table):
    data = make_dataset(table, "score", "subject", "x", dataset_name="demo")
    assert repr(data) == (
        "<Dataset 'demo': target 'score', 4 rows, 2 features, "
        "2 groups by 'subject', slopes 'x'>"
    )


X4 = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0]})
Y4 = [1.0, 2.0, 3.0, 4.0]

REFUSED = {
    "y too short": (
        (X4, [1.0, 2.0]),
        ValueError,
        "`y` has 2 rows but `X` has 4; pass one value per row of `X`.",
    ),
    "groups too short": (
        (X4, Y4, ["a"]),
        ValueError,
        "`groups` has 1 rows but `X` has 4; pass one value per row of `X`.",
    ),
    "other index": (
        (X4, pd.Series(Y4, index=[3, 2, 1, 0])),
        ValueError,
        "`y` and `X` have different indexes, so their rows may not belong together; "
        "sort them alike, then call reset_index(drop=True) on both.",
    ),
    "duplicate names": (
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), [1]),
        ValueError,
        "`X` has more than one column called 'a'; "
        "rename them so that each name is unique.",
    ),
    "target inside": (
        (X4, pd.Series(Y4, name="x")),
        ValueError,
        "the target 'x' is also a column of `X`; drop it from `X`.",
    ),
    "missing target": (
        (X4, [1.0, None, 2.0, 3.0]),
        ValueError,
        "`y` has 1 missing value(s); drop those rows from all inputs.",
    ),
    "nan target": (
        (X4, [1.0, np.nan, 2.0, 3.0]),
        ValueError,
        "`y` has 1 missing value(s); drop those rows from all inputs.",
    ),
    "infinite target": (
        (X4, [1.0, np.inf, 2.0, 3.0]),
        ValueError,
        "`y` has infinite values; drop or correct those rows.",
    ),
    "infinite feature": (
        (pd.DataFrame({"x": [1.0, np.inf]}), [1, 2]),
        ValueError,
        "`X` has infinite values in 'x'; drop or correct them.",
    ),
    "missing group": (
        (X4, Y4, pd.Series(["a", None, "b", "b"], name="g")),
        ValueError,
        "`groups` column 'g' has 1 missing label(s); "
        "drop those rows from all inputs or give them a label of their own.",
    ),
    "mixed labels": (
        (X4, pd.Series(["low", 1, "low", 2.5], dtype=object)),
        TypeError,
        "`y` must hold numbers, or labels that are all texts, all whole numbers or all "
        "truth values, got values of type float, int, str; convert them, for example "
        "with astype(str).",
    ),
    "empty": (
        (pd.DataFrame({"x": []}), []),
        ValueError,
        "`X` must have rows and columns, got the shape (0, 1); "
        "pass at least one row and one feature.",
    ),
    "one dimension": (
        (np.ones(4), Y4),
        ValueError,
        "`X` must be a table with rows and columns, got an array with 1 "
        "dimension(s); use X.reshape(-1, 1) for one feature.",
    ),
    "two targets": (
        (X4, pd.DataFrame({"a": Y4, "b": Y4})),
        ValueError,
        "`y` must be one column, got a DataFrame with 2; pass the column to predict.",
    ),
    "group is a feature": (
        (X4, Y4, pd.Series([1, 1, 2, 2], name="x")),
        ValueError,
        "the grouping column 'x' is also a feature or the target; drop it from `X`, "
        "or pass groups='x' to move it out of the features.",
    ),
    "slopes elsewhere": (
        (X4, Y4, list("aabb"), pd.DataFrame({"z": Y4})),
        ValueError,
        "`slopes` names 'z', which is no column of `X`; add it to `X` or correct it.",
    ),
    "one group of several misspelt": (
        (X4.assign(school="a"), Y4, ["school", "scool"]),
        ValueError,
        "`groups` names 'scool', which is no column of `X`; did you mean 'school'?",
    ),
    "slopes misspelt": (
        (X4.rename(columns={"x": "days"}), Y4, list("aabb"), "day"),
        ValueError,
        "`slopes` names 'day', which is no column of `X`; did you mean 'days'?",
    ),
    "slopes of other values": (
        (X4, Y4, list("aabb"), pd.DataFrame({"x": [0.0, 0.0, 0.0, 1.0]})),
        ValueError,
        "`slopes` column 'x' differs from the column of that name in `X`; "
        "give it another name and add it to `X` as well.",
    ),
    "slopes without groups": (
        (X4, Y4, None, "x"),
        ValueError,
        "`slopes` were given without `groups`; pass the groups whose slopes may differ.",
    ),
    "nothing left": (
        (X4, "x"),
        ValueError,
        "no feature is left once target, groups and extra columns are taken out of "
        "`X`; "
        "pass at least one more column.",
    ),
}


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_unusable_input_is_refused_in_one_sentence(case):
    arguments, kind, message = REFUSED[case]
    with pytest.raises(kind) as caught:
        make_dataset(*arguments)
    assert str(caught.value) == message


def test_a_slopes_frame_without_columns_is_no_slopes():
    X = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    for slopes in (pd.DataFrame(), pd.DataFrame(index=X.index)):
        assert make_dataset(X, [1.0, 2.0, 3.0], slopes=slopes).slopes == ()
