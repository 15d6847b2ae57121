"""What a column of pandas' consists of, for its fingerprint."""

import pandas as pd
import pytest

from flexcv.evaluation._columns import _stored


@pytest.mark.parametrize("ordered", [True, False])
def test_a_category_is_its_categories_codes_and_order(ordered):
    value = pd.Categorical(["b", "a", "b"], categories=["a", "b"], ordered=ordered)
    stored = _stored(value)
    assert list(stored["categories"]) == ["a", "b"]
    assert list(stored["codes"]) == [1, 0, 1]
    assert stored["ordered"] is ordered
