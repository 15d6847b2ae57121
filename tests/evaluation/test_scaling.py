import numpy as np
import pandas as pd
import pytest
from sklearn.preprocessing import StandardScaler

from flexcv.evaluation import FeatureTable, scaling


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "a": [1.0, 2.0, 6.0],
            "n": [1, 2, 3],
            "kind": pd.Categorical(["u", "v", "u"]),
            "flag": [True, False, True],
            "group": [10, 20, 20],
        },
        index=[5, 6, 7],
    )


def test_numeric_features_are_scaled_as_scikit_learn_does(table):
    out = FeatureTable(passthrough=("group",)).fit_transform(table)
    expected = StandardScaler().fit_transform(table[["a", "n"]].to_numpy(float))
    np.testing.assert_array_equal(out[["a", "n"]], expected)


def test_groups_categories_and_flags_pass_untouched(table):
    out = FeatureTable(passthrough=("group",)).fit_transform(table)
    untouched = ["kind", "flag", "group"]
    pd.testing.assert_frame_equal(out[untouched], table[untouched])
    assert list(out) == list(table)


def test_scaling_is_learnt_on_the_rows_of_fit_alone(table):
    fitted = FeatureTable(passthrough=("group",)).fit(table.iloc[:2])
    assert fitted.transform(table)["a"].tolist() == [-1.0, 1.0, 9.0]


def test_without_scaling_the_table_passes(table):
    pd.testing.assert_frame_equal(FeatureTable(scale=False).fit_transform(table), table)


def test_columns_may_stand_in_any_order_and_others_are_left_out(table):
    fitted = FeatureTable(scale=False).fit(table[["a", "n"]])
    out = fitted.transform(table[["n", "kind", "a"]])
    pd.testing.assert_frame_equal(out, table[["a", "n"]])


def test_a_constant_column_does_not_divide_by_zero():
    out = FeatureTable().fit_transform(pd.DataFrame({"a": [2.0, 2.0]}))
    assert out["a"].tolist() == [0.0, 0.0]


def test_the_given_table_is_not_changed(table):
    before = table.copy()
    FeatureTable().fit_transform(table)
    pd.testing.assert_frame_equal(table, before)


def test_a_missing_column_is_named(table):
    fitted = FeatureTable().fit(table[["a", "group"]])
    with pytest.raises(ValueError) as caught:
        fitted.transform(table[["a"]])
    assert str(caught.value) == (
        "the model was trained with the column 'group', which the table to predict "
        "lacks; add it (groups are columns here: X.assign(name=groups))."
    )


ROWS = np.array([2, 0, 2])


@pytest.mark.parametrize("columns", [["a", "n"], ["kind", "a", "flag", "n", "group"]])
@pytest.mark.parametrize("scale", [True, False])
def test_rows_cut_in_one_pass_are_those_cut_first(table, columns, scale, monkeypatch):
    monkeypatch.setattr(scaling, "BLOCK", 2)
    cut, whole = (FeatureTable(scale, ("group",)) for _ in range(2))
    chosen = table[columns]

    inside = cut.fit_cut(chosen, ROWS)

    pd.testing.assert_frame_equal(inside, whole.fit_transform(chosen.iloc[ROWS]))
    pd.testing.assert_frame_equal(cut.cut(chosen, ROWS), inside)


@pytest.mark.parametrize("scale", [True, False])
def test_an_array_is_cut_into_an_array_of_its_own(scale):
    table = pd.DataFrame({"x0": [1, 2, 3], "x1": [4, 5, 6]})
    cut, whole = (FeatureTable(scale, as_array=True) for _ in range(2))

    inside = cut.fit_cut(table, ROWS)

    np.testing.assert_array_equal(inside, whole.fit_transform(table.iloc[ROWS]))
    assert inside.flags.writeable
    assert inside.flags.owndata


def test_blocks_of_rows_give_the_scale_of_all_rows(monkeypatch):
    table = pd.DataFrame(np.random.default_rng(0).normal(50, 2, size=(1000, 3)))
    monkeypatch.setattr(scaling, "BLOCK", 100)

    out = FeatureTable().fit_transform(table)

    expected = StandardScaler().fit_transform(table.to_numpy())
    np.testing.assert_allclose(out, expected, atol=1e-12)
