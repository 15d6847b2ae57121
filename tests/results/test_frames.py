import numpy as np
import pandas as pd
import pytest

from flexcv.errors import StorageError
from flexcv.results.cells import decode_value, encode_value
from flexcv.results.frames import decode_frame, encode_frame

COLUMNS = {
    "floats": [0.1, 1e-308, np.inf, -np.inf, np.nan, -0.0],
    "small floats": np.array([0.1, 1 / 3, 5, 6, 7, 8], dtype=np.float32),
    "whole": np.array([1, -2, 3, 4, 5, 2**62]),
    "bytes": np.array([1, 2, 3, 4, 5, 255], dtype=np.uint8),
    "truth": [True, False, True, True, False, True],
    "texts": ["a", "", "b,c", 'say "x"', "two\nlines", "NA"],
    "texts with gaps": pd.array(["a", None, "", "nan", "None", "é"], dtype="str"),
    "object texts": pd.Series(["a", None, "", "nan", "1", "b"], dtype=object),
    "object numbers": pd.Series([1, 2.5, None, "x", (1, "a"), True], dtype=object),
    "object gaps": pd.Series([pd.NA] * 6, dtype=object),
    "counts with gaps": pd.array([1, None, 3, 4, 5, 2**60], dtype="Int64"),
    "truth with gaps": pd.array([True, None, False] * 2, dtype="boolean"),
    "categories": pd.Categorical(["x", "y", None, "x", "y", "x"], ["z", "y", "x"]),
    "ordered": pd.Categorical([3, 1, 2, 3, 1, 2], [3, 2, 1], ordered=True),
    "like texts": pd.Categorical([1, "1", 1, "1", 1, "1"], [1, "1"]),
    "dates": pd.to_datetime(["2020-01-01", None, "2021-05-05 12:00:00.000001"] * 2, format="ISO8601"),
    "zoned": pd.to_datetime(["2020-01-01T00:00:00+00:00"] * 6, utc=True),
    "lapses": pd.to_timedelta([1, 2, 3, 4, 5, 6], unit="ms"),
}  # fmt: skip


def there_and_back(frame, folder):
    about, text = encode_frame(frame)
    file = folder / "frame.csv"
    file.write_text(text, encoding="utf-8", newline="")
    return decode_frame(about, file)


@pytest.mark.parametrize("name", COLUMNS)
def test_every_kind_of_column_comes_back_exactly(name, tmp_path):
    frame = pd.DataFrame({name: COLUMNS[name]})
    back = there_and_back(frame, tmp_path)
    pd.testing.assert_frame_equal(back, frame, check_exact=True)
    assert [type(v) for v in back[name]] == [type(v) for v in frame[name]]


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(COLUMNS),
        pd.DataFrame({"a": [1.5, 2.5]}, index=pd.Index(["x", "y"], name="who")),
        pd.DataFrame({"a": [1.5, 2.5]}, index=[3, 7]),
        pd.DataFrame({"a": [1.5]}, index=pd.MultiIndex.from_tuples([("x", 1)], names=["p", "q"])),
        pd.DataFrame({"a": pd.Series(dtype=float), "b": pd.Series(dtype="str")}),
        pd.DataFrame({0: [1, 2], ("a", 1): [3, 4]}),
        pd.DataFrame(index=range(3)),
    ],
    ids=["all", "named index", "numbers", "two levels", "no rows", "names", "no columns"],
)  # fmt: skip
def test_every_shape_of_frame_comes_back_exactly(frame, tmp_path):
    pd.testing.assert_frame_equal(
        there_and_back(frame, tmp_path),
        frame,
        check_exact=True,
        check_column_type=False,
    )


def test_negative_zero_keeps_its_sign(tmp_path):
    back = there_and_back(pd.DataFrame({"x": [-0.0]}), tmp_path)
    assert np.signbit(back["x"][0])


def test_values_that_json_lacks_come_back():
    value = {"depth": (1, None), "rate": [np.float64(0.1), pd.NA], 3: True}
    assert repr(decode_value(encode_value(value))) == repr(value)


def test_a_value_of_no_known_kind_is_kept_as_its_text():
    assert decode_value(encode_value(slice(1, 2))) == "slice(1, 2, None)"


def damaged(change, tmp_path, rows=120):
    frame = pd.DataFrame({"n": range(rows), "x": np.linspace(0, 1, rows), "t": "a\nb"})
    about, text = encode_frame(frame)
    file = tmp_path / "scores.csv"
    file.write_text(change(text), encoding="utf-8")
    with pytest.raises(StorageError) as caught:
        decode_frame(about, file)
    return str(caught.value).removeprefix(repr(str(file)))


END = "; the file is damaged, restore it or save the results again."


def test_a_cell_that_is_no_number_is_named_with_its_line(tmp_path):
    # every row takes two lines of the file, because of the text in it
    message = damaged(lambda text: text.replace("\n7,", "\nseven,"), tmp_path)
    assert message == f", line 16: invalid literal for int() with base 10: 'seven'{END}"


def test_a_missing_cell_is_named_with_its_line(tmp_path):
    message = damaged(lambda text: text.replace("\n7,", "\n"), tmp_path)
    assert message == f", line 16: 2 cells instead of 3{END}"


def test_a_cut_file_is_named_with_its_last_line(tmp_path):
    message = damaged(lambda text: text[: text.index("\n100,") + 1], tmp_path)
    assert message == f", line 200: 120 rows were written and 100 are there{END}"


def test_an_open_quote_is_named_with_its_line(tmp_path):
    message = damaged(lambda text: text[:-4], tmp_path)
    assert message == f", line 240: unexpected end of data{END}"


def test_another_number_is_found_by_its_block(tmp_path):
    message = damaged(lambda text: text.replace("\n60,0.5", "\n60,0.6"), tmp_path)
    assert message == f", lines 102 to 201: a cell changed since it was written{END}"


def test_another_header_is_found(tmp_path):
    message = damaged(lambda text: "m" + text[1:], tmp_path)
    assert message == f", line 1: the names of the columns changed{END}"


def test_a_missing_file_is_one_clear_error(tmp_path):
    about, _ = encode_frame(pd.DataFrame({"x": [1]}))
    with pytest.raises(StorageError) as caught:
        decode_frame(about, tmp_path / "no.csv")
    assert str(caught.value) == (
        f"{str(tmp_path / 'no.csv')!r} cannot be read: No such file or directory; "
        "restore the file or save the results again."
    )


def test_a_byte_that_is_no_text_is_named_with_its_line(tmp_path):
    about, text = encode_frame(pd.DataFrame({"x": range(9_000)}))
    file = tmp_path / "scores.csv"
    file.write_bytes(text.encode().replace(b"\n8500\n", b"\n85\xff0\n"))
    with pytest.raises(StorageError, match="line 8502: 'utf-8' codec can't decode"):
        decode_frame(about, file)
