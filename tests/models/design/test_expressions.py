"""Terms that are calculated, in floats and as training taught them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flexcv.models.design._effects import Columns
from flexcv.models.design._tokens import written_name
from flexcv.models.design.columns import learn_fixed
from tests.models.design.drawn import NAMES, table_of


@pytest.mark.parametrize("dtype", ["int64", "uint8", "float32", "Int16", "bool"])
def test_numbers_of_any_kind_are_calculated_as_floats(dtype: str) -> None:
    table = table_of().assign(k=(table_of()["k"] - 1) % 2)
    formula = "I(k^2) + I(k - 100) + I(2^k) + I(k * 300) + k:x + I((k > 0) & (x > 0))"
    wanted = learn_fixed(table, formula=formula).columns(Columns(table))
    typed = table.assign(k=table["k"].astype(dtype))
    encoder = learn_fixed(typed, formula=formula)
    np.testing.assert_array_equal(encoder.columns(Columns(typed)), wanted)
    np.testing.assert_array_equal(encoder.columns(Columns(table)), wanted)


@pytest.mark.parametrize(
    "term",
    [
        "poly(scale(x), 2)",
        "I(scale(x)^2):f",
        "bs(x, 4)",
        "ns(x, 4)",
        "cr(x, df=4)",
        "center(log(x + 9))",
        "C(k, Sum) * x",
        "C(f, Treatment('b'))",
        "factor(k, levels=c(3, 2, 1))",
        "C(x > 0)",
        "o:x",
        "np.where(f == 'a', x, 0)",
    ],
)
def test_what_training_taught_a_term_holds_for_single_rows(term: str) -> None:
    table = table_of()
    encoder = learn_fixed(table, formula=term)
    whole = np.array(encoder.columns(Columns(table)))
    part = np.array(encoder.columns(Columns(table.iloc[7:9])))
    np.testing.assert_array_equal(part, whole[:, 7:9])


@settings(max_examples=25, deadline=None)
@given(st.lists(NAMES, min_size=3, max_size=3, unique=True))
def test_columns_of_any_name_take_part_in_any_term(names) -> None:
    table = table_of()[["x", "k", "f"]]
    wanted = learn_fixed(table, formula="x * f + I(x / k^2) + log(k)")
    x, k, f = (written_name(name) for name in names)
    renamed = table.set_axis(names, axis=1)
    encoder = learn_fixed(renamed, formula=f"{x}*{f} + I({x}/{k}^2) + log({k})")
    np.testing.assert_array_equal(
        encoder.columns(Columns(renamed)), wanted.columns(Columns(table))
    )
