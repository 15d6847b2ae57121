import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from flexcv.storage.values import Arrays, decode, encode, is_exact

from .hard_values import PARAMS, assert_same, frames


def through_json(value):
    arrays = Arrays()
    text = json.dumps(encode(value, arrays))
    return decode(json.loads(text), Arrays(array.copy() for array in arrays))


@given(PARAMS)
@settings(deadline=None)
def test_a_value_comes_back_with_its_type(value):
    assert_same(through_json(value), value)


@given(frames())
@settings(deadline=None)
def test_a_frame_comes_back_with_its_types_index_and_names(frame):
    assert_same(through_json(frame), frame)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"t": [1.0]}, index=pd.date_range("2020", periods=1, freq="D")),
        pd.DataFrame(np.eye(2), columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
        pd.DataFrame({"a": ["x", None, ""]}).set_index("a"),
        pd.DataFrame(index=pd.Index([], name="empty")),
        pd.DataFrame({"x": [(1, 2), [3]]}),
    ],
)  # fmt: skip
def test_indexes_of_all_kinds_come_back(frame):
    pd.testing.assert_frame_equal(through_json(frame), frame, check_exact=True)


def test_what_has_no_exact_form_is_its_text_and_known_as_such():
    assert through_json({"f": len}) == {"f": "<built-in function len>"}
    assert not is_exact({"f": [len]})
    assert is_exact({"f": ("a", 1.5, None)})


def test_what_was_read_may_be_written_to():
    back = through_json(np.arange(3))
    back[0] = 7
    assert back.tolist() == [7, 1, 2]


@pytest.mark.parametrize("missing", [np.nan, pd.NA])
def test_texts_keep_their_type_where_pyarrow_is_not_installed(missing):
    dtype = pd.StringDtype("python", na_value=missing)
    frame = pd.DataFrame(
        {"text": pd.array(["a", None, "b"], dtype=dtype)},
        index=pd.Index(["x", "y", "z"], dtype=dtype),
    )
    assert_same(through_json(frame), frame)
    assert through_json(frame)["text"].dtype.storage == "python"
