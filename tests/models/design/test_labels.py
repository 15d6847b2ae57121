"""Labels matched as people mean them."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexcv.models.design.labels import label_places, level_codes

SPELLINGS = {
    "whole": lambda k: pd.Series(k, dtype="int64"),
    "short": lambda k: pd.Series(k, dtype="int16"),
    "nullable": lambda k: pd.Series(k, dtype="Int64"),
    "decimal": lambda k: pd.Series(k, dtype="float64"),
    "object": lambda k: pd.Series(list(k), dtype=object),
    "text": lambda k: pd.Series([str(i) for i in k], dtype="str"),
    "text objects": lambda k: pd.Series([str(i) for i in k], dtype=object),
    "string": lambda k: pd.Series([str(i) for i in k], dtype="string"),
    "categories": lambda k: pd.Series(k).astype("category"),
    "text categories": lambda k: pd.Series([str(i) for i in k]).astype("category"),
}


def levels_of(column: pd.Series) -> pd.Index:
    return pd.Index(np.asarray(pd.unique(column.dropna())))


@pytest.mark.parametrize("here", SPELLINGS)
@pytest.mark.parametrize("there", SPELLINGS)
def test_whole_numbers_are_one_label_however_they_are_held(here, there) -> None:
    known = levels_of(SPELLINGS[there]([308, 7, 2022]))
    codes = level_codes(SPELLINGS[here]([2022, 308, 9, 308]), known)
    assert codes.tolist() == [2, 0, -1, 0]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_that_were_written_and_read_are_the_same_labels(numbers) -> None:
    labels = pd.Index(list(dict.fromkeys(float(x) for x in numbers)))
    written = pd.Index([str(label) for label in labels])
    wanted = list(range(len(labels)))
    assert label_places(written, labels).tolist() == wanted
    assert label_places(labels, written).tolist() == wanted


@given(st.lists(st.text("0123456789.-+e ", min_size=1), min_size=1))
def test_texts_match_equal_texts_only(texts) -> None:
    known = pd.Index(list(dict.fromkeys(texts)), dtype=object)
    asked = pd.Index(["0" + text for text in known], dtype=object)
    wanted = [known.tolist().index(a) if a in known else -1 for a in asked]
    assert label_places(asked, known).tolist() == wanted


def test_a_padded_number_is_a_label_of_its_own() -> None:
    known = pd.Index(["01", "1"])
    assert label_places(pd.Index([1]), known).tolist() == [1]
    assert label_places(pd.Index([1]), pd.Index(["01"])).tolist() == [-1]
    assert label_places(pd.Index(["01", "1"]), pd.Index([1])).tolist() == [-1, 0]


def test_a_whole_number_is_not_written_with_a_point() -> None:
    assert label_places(pd.Index(["308.0"]), pd.Index([308])).tolist() == [-1]
    assert label_places(pd.Index(["308.0"]), pd.Index([308.0])).tolist() == [0]
    both = pd.Index(["308", "308.0"])
    assert label_places(pd.Index([308.0]), both).tolist() == [1]
    assert label_places(pd.Index([308]), both).tolist() == [0]


def test_labels_that_training_held_apart_stay_apart() -> None:
    known = pd.Index([308, "308"], dtype=object)
    asked = pd.Series(["308", 308, "308"]).astype("category")
    assert level_codes(asked, known).tolist() == [1, 0, 1]


def test_whole_numbers_beyond_the_decimals_digits_are_not_mixed_up() -> None:
    known = pd.Index([2**53 + 1])
    assert label_places(pd.Index([float(2**53)]), known).tolist() == [-1]


def test_short_decimals_are_read_as_they_are_written() -> None:
    known = pd.Index(np.array([0.1, 2.0], dtype="float32"))
    assert label_places(pd.Index([2.0, 0.1]), known).tolist() == [1, 0]


@pytest.mark.parametrize("unit", ["D", "h"])
def test_dates_survive_a_text_file(unit: str) -> None:
    days = pd.Series(pd.to_datetime([3, 4, 30], unit=unit))
    file = io.StringIO(days.to_csv(index=False))
    again = pd.read_csv(file).iloc[:, 0]
    assert level_codes(again, levels_of(days)).tolist() == [0, 1, 2]
    assert level_codes(days, levels_of(again)).tolist() == [0, 1, 2]
