"""Columns to numbers: effects, levels and codes."""

import numpy as np
import pandas as pd
import pytest

from flexcv.models.design._effects import Columns
from flexcv.models.design.columns import (
    learn_fixed,
    learn_random,
    level_codes,
)
from flexcv.models.design.terms import random_terms


def table_of() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "x": [1.0, 2.0, 3.0, 4.0],
            "f": pd.Categorical(["b", "a", "b", "c"], categories=["c", "b", "a", "z"]),
            "g": ["u", "v", "u", "w"],
            "h": [2, 1, 1, 2],
            "flag": [True, False, True, False],
        }
    )


def test_fixed_columns_are_coded_by_treatment_in_category_order() -> None:
    encoder = learn_fixed(table_of(), leave_out=["g", "h"])
    assert encoder.names == ("Intercept", "x", "f[T.b]", "f[T.a]", "flag")
    columns = np.array(encoder.columns(Columns(table_of())))
    np.testing.assert_array_equal(columns[2], [1, 0, 1, 0])
    np.testing.assert_array_equal(columns[4], [1, 0, 1, 0])


def test_a_fixed_and_a_random_column_are_one_object() -> None:
    source = Columns(table_of())
    fixed = learn_fixed(table_of(), leave_out=["g", "f", "h"]).columns(source)
    _, design = learn_random(source, random_terms("g", "x"))
    assert design.factors[0].columns[0] is fixed[0]
    assert design.factors[0].columns[1] is fixed[1]


def test_unseen_levels_are_marked() -> None:
    encoder, _ = learn_random(Columns(table_of()), random_terms("g"))
    labels = pd.Series(pd.Categorical(["v", "nobody", "u"]))
    new = encoder.design(Columns(table_of().head(3).assign(g=labels)))
    np.testing.assert_array_equal(new.factors[0].codes, [1, -1, 0])
    gaps = pd.Series(pd.Categorical(["v", None]))
    np.testing.assert_array_equal(level_codes(gaps, pd.Index(["u", "v"])), [1, -1])


def test_a_listing_has_the_labels_in_their_order() -> None:
    table = table_of().assign(g=["v", "w", "v", "u"])
    encoder, _ = learn_random(Columns(table), random_terms("g", "x"))
    listing = encoder.factors[0].listing(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    assert list(listing.index) == ["u", "v", "w"]
    assert listing["Intercept"].tolist() == [5.0, 1.0, 3.0]
    assert listing["x"].tolist() == [6.0, 2.0, 4.0]


def test_factors_are_ordered_by_their_number_of_levels() -> None:
    _, design = learn_random(Columns(table_of()), random_terms(["h", "g"]))
    assert [factor.name for factor in design.factors] == ["g", "h"]


def test_terms_on_one_factor_become_blocks() -> None:
    terms = random_terms(random="(1 | g) + (0 + x | g)")
    _, design = learn_random(Columns(table_of()), terms)
    assert design.factors[0].blocks == (1, 1)
    assert design.factors[0].names == ("Intercept", "x")


def test_interactions_number_the_cells_that_occur() -> None:
    encoder, design = learn_random(Columns(table_of()), random_terms(random="(1|g:h)"))
    assert list(design.factors[0].levels) == [("u", 2), ("v", 1), ("u", 1), ("w", 2)]
    new = pd.DataFrame({"g": ["u", "v", "zz"], "h": [2, 2, 1]})
    codes = encoder.design(Columns(new)).factors[0].codes
    np.testing.assert_array_equal(codes, [0, -1, -1])


def test_effects_sum_is_zero_for_unknown_levels() -> None:
    _, design = learn_random(Columns(table_of()), random_terms("g", "x"))
    effects = [np.array([[1.0, 0.5], [2.0, 0.0], [3.0, 1.0]])]
    np.testing.assert_allclose(design.effects_sum(effects), [1.5, 2.0, 2.5, 7.0])
    unknown = design.with_unknown_levels()
    np.testing.assert_array_equal(unknown.effects_sum(effects), np.zeros(4))


def test_formulas_are_read_and_keep_their_state() -> None:
    encoder = learn_fixed(table_of(), formula="x * f")
    new = table_of().head(1)
    assert len(encoder.columns(Columns(new))) == len(encoder.names) == 6


def test_a_broken_formula_is_refused() -> None:
    with pytest.raises(ValueError, match="could not be read"):
        learn_fixed(table_of(), formula="x + (")


def test_dates_are_no_features() -> None:
    table = table_of().assign(day=pd.Timestamp("2020-01-01"))
    with pytest.raises(TypeError, match="must hold numbers or labels, got datetime64"):
        learn_fixed(table, leave_out=["g", "f"])


def test_a_formula_refuses_levels_that_training_did_not_show() -> None:
    encoder = learn_fixed(table_of(), formula="f")
    new = table_of().assign(f="z")
    with pytest.raises(ValueError, match="must hold levels seen in training, got 'z'"):
        encoder.columns(Columns(new))
