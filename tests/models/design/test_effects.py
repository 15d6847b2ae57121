"""Effects and their columns: constants, numbers, categories and products."""

import numpy as np
import pandas as pd
import pytest

from flexcv.models.design._effects import (
    Category,
    Columns,
    Constant,
    Numeric,
    Product,
    categories_used,
    columns_used,
    effect_names,
)

X, F = Numeric("x"), Category("f", ("b", "a", "c"), full=False, label="f")
ALL = Category("f", ("b", "a", "c"), full=True, label="f")


@pytest.fixture
def source():
    return Columns(pd.DataFrame({"x": [1, 2, 3], "f": ["a", "b", "c"]}))


def test_a_column_is_converted_once_and_a_constant_is_the_sources(source):
    assert source.numeric("x") is X.columns(source)[0]
    assert source.numeric("x").dtype == np.float64
    assert Constant().columns(source)[0] is source.ones


def test_values_are_floats_or_labels_without_the_tables_index(source):
    source.table.index = [5, 6, 7]
    assert source.values_of("x").tolist() == [1.0, 2.0, 3.0]
    assert source.values_of("f").index.tolist() == [0, 1, 2]


def test_a_category_has_an_indicator_for_each_level_or_for_all_but_the_first(source):
    np.testing.assert_array_equal(F.columns(source), [[1, 0, 0], [0, 0, 1]])
    assert F.names == ("f[T.a]", "f[T.c]")
    np.testing.assert_array_equal(
        ALL.columns(source), [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    )
    assert ALL.names == ("f[b]", "f[a]", "f[c]")


def test_products_run_through_the_first_part_fastest(source):
    both = Product((F, ALL))
    assert both.names[:3] == ("f[T.a]:f[b]", "f[T.c]:f[b]", "f[T.a]:f[a]")
    one = Product((X, F))
    np.testing.assert_array_equal(one.columns(source), [[1, 0, 0], [0, 0, 3]])


def test_names_and_columns_of_several_effects_come_in_order_and_once():
    effects = (Constant(), X, Product((X, F)))
    assert effect_names(effects) == ("Intercept", "x", "x:f[T.a]", "x:f[T.c]")
    assert columns_used(effects) == ("x", "f")
    assert categories_used(effects) == {"f"}
