"""Table cells as text that says exactly what they were."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

MISSING = ""  # an empty cell; real empty texts are listed beside the column


def encode_value(value: Any) -> Any:
    """Turn a value into what JSON can hold; kinds it lacks are named.

    A value that is no number, text, truth value, date, list, tuple or dictionary is
    kept as its text.

    Examples
    --------
    >>> encode_value((1, np.float32(0.5)))
    {'tuple': [1, {'float32': 0.5}]}
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    for kind, matches, encode in _KINDS:
        if matches(value):
            return {kind(value): encode(value)}
    return {"text": str(value)}


def decode_value(value: Any) -> Any:
    """Turn it back.

    Examples
    --------
    >>> decode_value({"tuple": [1, {"float32": 0.5}]})
    (1, np.float32(0.5))
    """
    if not isinstance(value, dict):
        return value
    [(kind, content)] = value.items()
    decode = _DECODERS.get(kind)
    return np.dtype(kind).type(content) if decode is None else decode(content)


def _is_na(value: Any) -> bool:
    return value is pd.NA or value is pd.NaT


def _items(content: dict[Any, Any]) -> list[Any]:
    return [[encode_value(k), encode_value(v)] for k, v in content.items()]


def _list(values: Any) -> list[Any]:
    return [encode_value(value) for value in values]


_NUMBERS = (np.number, np.bool_)
_KINDS: tuple[Any, ...] = (
    (lambda v: "NaT" if v is pd.NaT else "NA", _is_na, lambda _: None),
    (lambda _: "tuple", lambda v: isinstance(v, tuple), _list),
    (lambda _: "list", lambda v: isinstance(v, list), _list),
    (lambda _: "dict", lambda v: isinstance(v, dict), _items),
    (lambda _: "time", lambda v: isinstance(v, pd.Timestamp), lambda v: v.isoformat()),
    (lambda v: v.dtype.name, lambda v: isinstance(v, _NUMBERS), lambda v: v.item()),
    (lambda _: "text_", lambda v: isinstance(v, np.str_), str),
)
_DECODERS: dict[str, Any] = {
    "NA": lambda _: pd.NA,
    "NaT": lambda _: pd.NaT,
    "tuple": lambda v: tuple(decode_value(entry) for entry in v),
    "list": lambda v: [decode_value(entry) for entry in v],
    "dict": lambda v: {decode_value(a): decode_value(b) for a, b in v},
    "time": pd.Timestamp,
    "text": str,
    "text_": np.str_,
}


def encode_column(column: pd.Series[Any]) -> tuple[dict[str, Any], list[str]]:
    """Give what the column is, and its cells as text.

    Parameters
    ----------
    column
        Any column; numbers, texts, truth values, dates and categories survive exactly.
    """
    dtype = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return _encode_categories(column)
    if pd.api.types.is_object_dtype(dtype):
        return _encode_objects(column)
    about: dict[str, Any] = {"dtype": str(dtype)}
    if pd.api.types.is_string_dtype(dtype):
        texts = column.astype(object).where(column.notna(), MISSING).tolist()
        missing = column.isna().to_numpy()
        return about | _empty_texts(texts, missing), texts
    if pd.api.types.is_float_dtype(dtype) and isinstance(dtype, np.dtype):
        return about, [MISSING if v != v else repr(v) for v in column.tolist()]
    cells = column.astype(object)
    return about, [MISSING if pd.isna(v) else str(v) for v in cells.tolist()]


def decode_column(about: dict[str, Any], cells: Sequence[str]) -> Any:
    """Turn cells back into a column.

    Raises
    ------
    ValueError
        When a cell is not what the column holds.
    """
    for key, decode in (
        ("categories", _decode_categories),
        ("objects", _decode_objects),
    ):
        if key in about:
            return decode(about, cells)
    dtype = pd.api.types.pandas_dtype(about["dtype"])
    if pd.api.types.is_string_dtype(dtype):
        return pd.Series(_texts(about, cells, np.nan), dtype=dtype)
    missing, parse = _parser(dtype)
    values = [missing if cell == MISSING else parse(cell) for cell in cells]
    return pd.Series(values, dtype=dtype)


def _parser(dtype: Any) -> tuple[Any, Any]:
    """Give what an empty cell stands for, and how another one is read."""
    if pd.api.types.is_bool_dtype(dtype):
        return pd.NA, _truth
    if pd.api.types.is_integer_dtype(dtype):
        return pd.NA, int
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return pd.NaT, pd.Timestamp
    if pd.api.types.is_timedelta64_dtype(dtype):
        return pd.NaT, pd.Timedelta
    return (np.nan if isinstance(dtype, np.dtype) else pd.NA), float


def _empty_texts(texts: Sequence[str], missing: Any) -> dict[str, Any]:
    """List the cells that are empty texts, which look like missing ones."""
    empty = [
        n
        for n, (t, m) in enumerate(zip(texts, missing, strict=True))
        if not t and not m
    ]
    return {"empty_texts": empty} if empty else {}


def _texts(about: dict[str, Any], cells: Sequence[str], missing: Any) -> list[Any]:
    empty = set(about.get("empty_texts", ()))
    return [
        cell if cell != MISSING or number in empty else missing
        for number, cell in enumerate(cells)
    ]


def _truth(cell: str) -> Any:
    known = {"True": True, "False": False}
    if cell not in known:
        raise ValueError(f"{cell!r} is not True or False")
    return known[cell]


def _encode_categories(column: pd.Series[Any]) -> tuple[dict[str, Any], list[str]]:
    labels = pd.Series(column.cat.categories)
    inside, names = encode_column(labels)
    about = {
        "categories": inside | {"cells": names},
        "ordered": bool(column.cat.ordered),
    }
    is_clear = len(set(names)) == len(names) and MISSING not in names
    shown = names if is_clear else [str(number) for number in range(len(names))]
    codes = column.cat.codes.tolist()
    return about, [MISSING if code < 0 else shown[code] for code in codes]


def _decode_categories(about: dict[str, Any], cells: Sequence[str]) -> Any:
    inside = about["categories"]
    names = inside["cells"]
    labels = pd.Index(decode_column(inside, names))
    is_clear = len(set(names)) == len(names) and MISSING not in names
    shown = names if is_clear else [str(number) for number in range(len(names))]
    codes = {text: number for number, text in enumerate(shown)} | {MISSING: -1}
    odd = next((cell for cell in cells if cell not in codes), None)
    if odd is not None:
        raise ValueError(f"{odd!r} is no category of this column")
    values = pd.Categorical.from_codes(
        [codes[cell] for cell in cells], labels, ordered=about["ordered"]
    )
    return pd.Series(values)


def _encode_objects(column: pd.Series[Any]) -> tuple[dict[str, Any], list[str]]:
    """Keep texts as they are when all are; anything else as JSON."""
    values = column.tolist()
    known = [value for value in values if not _is_missing(value)]
    gaps = {json.dumps(encode_value(v)) for v in values if _is_missing(v)}
    if len(gaps) <= 1 and all(type(value) is str for value in known):
        texts = [MISSING if _is_missing(value) else value for value in values]
        missing = [_is_missing(value) for value in values]
        about = {"objects": "text", "missing": next(iter(gaps), "null")}
        return about | _empty_texts(texts, missing), texts
    return {"objects": "json"}, [json.dumps(encode_value(value)) for value in values]


def _decode_objects(about: dict[str, Any], cells: Sequence[str]) -> Any:
    if about["objects"] == "json":
        values = [decode_value(json.loads(cell)) for cell in cells]
    else:
        missing = decode_value(json.loads(about["missing"]))
        values = _texts(about, cells, missing)
    column = np.empty(len(values), dtype=object)
    for number, value in enumerate(values):  # one by one: a tuple is one cell
        column[number] = value
    return pd.Series(column, dtype=object)


def _is_missing(value: Any) -> bool:
    return (
        value is None or _is_na(value) or (isinstance(value, float) and value != value)
    )
