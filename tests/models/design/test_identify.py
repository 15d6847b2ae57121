"""Random parts that no data of a shape could tell apart are refused in a sentence."""

import numpy as np
import pandas as pd
import pytest

from flexcv.errors import ModelError, NotIdentifiableError
from flexcv.models.design._effects import Columns
from flexcv.models.design._identify import (
    require_apart,
    require_groups_apart,
    require_identifiable,
    require_residual_left,
    require_residuals,
)
from flexcv.models.design.columns import learn_random
from flexcv.models.design.terms import random_terms


def design_of(terms, **columns):
    return learn_random(Columns(pd.DataFrame(columns)), random_terms(random=terms))[1]


def test_a_factor_with_rows_enough_is_let_through():
    design = design_of("(x | g)", g=[1, 1, 1, 2, 2, 2], x=[1.0, 2, 3, 1, 2, 3])
    require_identifiable(design)
    require_apart(design, rows_repeat=False)


@pytest.mark.parametrize(
    ("terms", "g", "message"),
    [
        ("(1 | g)", [1, 1, 1, 1], "must have at least two levels, got 1"),
        ("(1 | g)", [1, 2, 3, 4], "has one row per level"),
        ("(x | g)", [1, 1, 2, 2], "asks for 4 random effects from 4 rows"),
        ("(x + one | g)", [1, 1, 2, 2], "asks for 6 random effects from 4 rows"),
        ("(0 + nought | g)", [1, 1, 1, 2], "slope 'nought' .* is constant"),
    ],
)
def test_what_the_residual_swallows_is_refused(terms, g, message):
    columns = {"x": [1.0, 2, 3, 5], "one": [1.0] * 4, "nought": [0.0] * 4}
    with pytest.raises(NotIdentifiableError, match=message):
        require_identifiable(design_of(terms, g=g, **columns))


def test_a_constant_slope_alone_is_an_intercept_and_beside_one_is_none():
    g, two = [1, 1, 1, 2, 2, 2], [2.0] * 6
    require_identifiable(design_of("(0 + two | g)", g=g, two=two))
    with pytest.raises(NotIdentifiableError, match=r"slope 'two' .* is constant"):
        require_identifiable(design_of("(two | g)", g=g, two=two))


def test_one_row_per_level_tells_of_counts_but_not_of_yes_and_no():
    design = design_of("(1 | g)", g=[1, 2, 3])
    require_apart(design, rows_repeat=True)
    with pytest.raises(NotIdentifiableError, match="cannot be estimated from yes"):
        require_apart(design, rows_repeat=False)


def test_as_many_columns_as_rows_and_exact_fits_are_refused():
    require_residuals(np.arange(3.0), [0, 1], 1.0)
    with pytest.raises(ModelError, match="got 3 rows and 3 columns"):
        require_residuals(np.arange(3.0), [0, 1, 2], 1.0)
    with pytest.raises(ModelError, match="the fixed part fits the target exactly"):
        require_residuals(1e6 + np.arange(3.0), [0], 1e-7)
    require_residual_left(1e-6, 1.0)
    with pytest.raises(ModelError, match="the random effects fit the target exactly"):
        require_residual_left(1e-8, 1.0)


def test_a_group_is_no_feature_but_a_number_may_be_a_trend():
    terms = random_terms(random="(x | g)")
    require_groups_apart(terms, {"f"})
    with pytest.raises(ValueError, match="'g' is both a grouping column and a feature"):
        require_groups_apart(terms, {"g"})
    with pytest.raises(ValueError, match="'g' is both"):
        require_groups_apart(random_terms(random="(x | g) + (g | h)"), ())
