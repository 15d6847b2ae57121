"""Values as JSON and raw arrays that come back exactly: the only encoding on disk.

Plain values stand for themselves; everything else is ``{kind: content}``. Arrays of
numbers go into a list beside the JSON, where each keeps its bytes, and the JSON names
their places. What has no exact form, such as a function, is kept as its text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from flexcv._secrets import redactor

from .scalars import SCALARS


class Arrays(list[npt.NDArray[Any]]):
    """The arrays beside the JSON, and the door that its texts go through."""

    def __init__(self, arrays: Iterable[npt.NDArray[Any]] = ()) -> None:
        super().__init__(arrays)
        self.hide = redactor()


Encode: TypeAlias = Callable[[Any, Arrays], Any]
Decode: TypeAlias = Callable[[Any, Arrays], Any]

PLAIN = (type(None), bool, int)
MASKED = (pd.arrays.BooleanArray, pd.arrays.FloatingArray, pd.arrays.IntegerArray)
RAW = "biufcmM"  # kinds of arrays whose bytes say all


def encode(value: Any, arrays: Arrays) -> Any:
    """Turn a value into what JSON can hold.

    Parameters
    ----------
    value
        Anything; texts go through the door for secrets.
    arrays
        Arrays of numbers are appended to it.

    Examples
    --------
    >>> encode({"quantile_range": (25.0, float("inf"))}, Arrays())
    {'dict': [['quantile_range', {'tuple': [25.0, {'float': 'inf'}]}]]}
    """
    kind = type(value)
    if kind is str:
        return arrays.hide(value)
    if kind in PLAIN or (kind is float and math.isfinite(value)):
        return value
    if kind is list:
        return _entries(value, arrays)
    return _named(value, arrays)


def _named(value: Any, arrays: Arrays) -> dict[str, Any]:
    for name, matches, encoder, _ in KINDS:
        if matches(value):
            return {name: encoder(value, arrays)}
    return {"text": arrays.hide(str(value))}


def decode(content: Any, arrays: Arrays) -> Any:
    """Turn it back.

    Raises
    ------
    KeyError, ValueError, TypeError, IndexError
        When the content is not what `encode` gives.

    Examples
    --------
    >>> decode({"tuple": [1, {"numpy": ["float32", 0.5]}]}, Arrays())
    (1, np.float32(0.5))
    """
    if isinstance(content, list):
        return [decode(entry, arrays) for entry in content]
    if not isinstance(content, dict):
        return content
    [(name, inside)] = content.items()
    return DECODERS[name](inside, arrays)


def is_exact(value: Any) -> bool:
    """Whether a value comes back as what it was, not as its text.

    Examples
    --------
    >>> is_exact((1, "a", None)), is_exact([len])
    (True, False)
    """
    return not _holds_text(encode(value, Arrays()))


def _holds_text(content: Any) -> bool:
    if isinstance(content, list):
        return any(map(_holds_text, content))
    if isinstance(content, dict):
        return "text" in content or any(map(_holds_text, content.values()))
    return False


# -- plain containers --


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: type(value) in kinds


def _instance(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


def _alone(function: Callable[[Any], Any]) -> Callable[[Any, Arrays], Any]:
    """Let a function of a scalar take the arrays that it does not need."""
    return lambda value, _: function(value)


def _entries(values: Any, arrays: Arrays) -> list[Any]:
    return [encode(value, arrays) for value in values]


def _sorted_entries(values: Any, arrays: Arrays) -> list[Any]:
    """Encode a set in an order that does not change from process to process."""
    return sorted(_entries(values, arrays), key=str)


def _items(content: Mapping[Any, Any], arrays: Arrays) -> list[Any]:
    return [[encode(k, arrays), encode(v, arrays)] for k, v in content.items()]


def _dict(content: Any, arrays: Arrays) -> dict[Any, Any]:
    return {decode(key, arrays): decode(value, arrays) for key, value in content}


# -- arrays, columns, indexes and frames --


def encode_array(values: Any, arrays: Arrays) -> dict[str, Any]:
    """Encode the values of a column: an array of NumPy or of pandas."""
    if type(values) is pd.arrays.NumpyExtensionArray:  # texts without pyarrow are one
        values = values.to_numpy()
    if isinstance(values, np.ndarray):
        return {"array": _numpy(values, arrays)}
    for name, matches, encoder, _ in COLUMNS:
        if matches(values):
            return {name: encoder(values, arrays)}
    return {"other": [str(values.dtype), _entries(values.tolist(), arrays)]}


def _numpy(values: npt.NDArray[Any], arrays: Arrays) -> Any:
    if values.dtype.kind in RAW and not values.dtype.hasobject:
        arrays.append(values)
        return len(arrays) - 1
    return [values.dtype.str, list(values.shape), _entries(values.ravel(), arrays)]


def _unnumpy(content: Any, arrays: Arrays) -> npt.NDArray[Any]:
    if isinstance(content, int):
        return arrays[content]
    kind, shape, entries = content
    values = np.empty(math.prod(shape), dtype=kind)
    for place, entry in enumerate(entries):  # one by one: a tuple is one cell
        values[place] = decode(entry, arrays)
    return values.reshape(shape)


def _categorical(values: Any, arrays: Arrays) -> list[Any]:
    codes = {"array": _numpy(np.asarray(values.codes), arrays)}
    return [_index(values.categories, arrays), codes, bool(values.ordered)]


def _uncategorical(content: Any, arrays: Arrays) -> Any:
    categories, codes, ordered = content
    dtype = pd.CategoricalDtype(_unindex(categories, arrays), ordered)
    return pd.Categorical.from_codes(decode(codes, arrays), dtype=dtype)


def _strings(values: Any, arrays: Arrays) -> list[Any]:
    """Encode each text once, and where it stands."""
    codes, texts = pd.factorize(values)
    places = {"array": _numpy(codes, arrays)}
    has_nan = values.dtype.na_value is not pd.NA
    known = [encode(str(text), arrays) for text in texts]
    return [values.dtype.storage, has_nan, places, known]


def _unstrings(content: Any, arrays: Arrays) -> Any:
    storage, has_nan, places, known = content
    dtype = pd.StringDtype(storage, na_value=np.nan if has_nan else pd.NA)
    texts = np.array([*(decode(text, arrays) for text in known), None], dtype=object)
    return pd.array(texts[decode(places, arrays)], dtype=dtype)


def _masked(values: Any, arrays: Arrays) -> list[Any]:
    kind = values.dtype.numpy_dtype
    known = values.to_numpy(dtype=kind, na_value=kind.type(0))
    parts = [known, np.asarray(values.isna())]
    return [{"array": _numpy(part, arrays)} for part in parts]


def _unmasked(content: Any, arrays: Arrays) -> Any:
    known, missing = (decode(part, arrays) for part in content)
    make: dict[str, Any] = {
        "b": pd.arrays.BooleanArray,
        "f": pd.arrays.FloatingArray,
    }
    return make.get(known.dtype.kind, pd.arrays.IntegerArray)(known, missing)


def _zoned(values: Any, arrays: Arrays) -> list[Any]:
    naive = pd.DatetimeIndex(values).tz_convert("UTC").tz_localize(None).to_numpy()
    return [{"array": _numpy(naive, arrays)}, str(values.dtype.tz)]


def _unzoned(content: Any, arrays: Arrays) -> Any:
    naive, zone = content
    return pd.DatetimeIndex(decode(naive, arrays)).tz_localize("UTC").tz_convert(zone)


def _periods(values: Any, arrays: Arrays) -> list[Any]:
    ordinals = np.asarray(pd.PeriodIndex(values).asi8)
    return [{"array": _numpy(ordinals, arrays)}, str(values.dtype)]


def _unperiods(content: Any, arrays: Arrays) -> Any:
    ordinals, frequency = content
    kind: Any = pd.api.types.pandas_dtype(frequency)
    return pd.arrays.PeriodArray(decode(ordinals, arrays), dtype=kind)


def _intervals(values: Any, arrays: Arrays) -> list[Any]:
    sides = (values.left, values.right)
    return [*(_index(side, arrays) for side in sides), values.closed]


def _unintervals(content: Any, arrays: Arrays) -> Any:
    left, right, closed = content
    sides = _unindex(left, arrays), _unindex(right, arrays)
    return pd.arrays.IntervalArray.from_arrays(*sides, closed=closed)


def _sparse(values: Any, arrays: Arrays) -> list[Any]:
    dense = np.asarray(values)
    return [{"array": _numpy(dense, arrays)}, encode(values.fill_value, arrays)]


def _unsparse(content: Any, arrays: Arrays) -> Any:
    dense, fill = content
    values = decode(dense, arrays)
    return pd.arrays.SparseArray(values, fill_value=decode(fill, arrays))


def _unother(content: Any, arrays: Arrays) -> Any:
    name, entries = content
    return pd.array([decode(entry, arrays) for entry in entries], dtype=name)


def _dates(values: Any, arrays: Arrays) -> int:
    arrays.append(values.to_numpy())
    return len(arrays) - 1


def _undates(content: Any, arrays: Arrays) -> Any:
    return pd.array(arrays[content])


def _has_dtype(kind: type) -> Callable[[Any], bool]:
    return lambda values: isinstance(values.dtype, kind)


COLUMNS: tuple[tuple[str, Callable[[Any], bool], Encode, Decode], ...] = (
    ("categorical", _has_dtype(pd.CategoricalDtype), _categorical, _uncategorical),
    ("strings", _has_dtype(pd.StringDtype), _strings, _unstrings),
    ("zoned", _has_dtype(pd.DatetimeTZDtype), _zoned, _unzoned),
    ("periods", _has_dtype(pd.PeriodDtype), _periods, _unperiods),
    ("intervals", _has_dtype(pd.IntervalDtype), _intervals, _unintervals),
    ("sparse", _has_dtype(pd.SparseDtype), _sparse, _unsparse),
    ("masked", lambda v: isinstance(v, MASKED), _masked, _unmasked),
    ("dates", lambda v: isinstance(v.dtype, np.dtype), _dates, _undates),
)


def _index(index: Any, arrays: Arrays) -> dict[str, Any]:
    names = _entries(index.names, arrays)
    if type(index) is pd.RangeIndex:
        return {"range": [index.start, index.stop, index.step, names]}
    if isinstance(index, pd.MultiIndex):
        levels = [_index(level, arrays) for level in index.levels]
        codes = [encode(np.asarray(part), arrays) for part in index.codes]
        return {"levels": [levels, codes, names]}
    frequency = getattr(index, "freqstr", None)
    return {"labels": [encode_array(index.array, arrays), frequency, names]}


def _unindex(content: Any, arrays: Arrays) -> Any:
    [(kind, inside)] = content.items()
    *parts, names = inside
    if kind == "range":
        start, stop, step = parts
        return pd.RangeIndex(start, stop, step, name=decode(names[0], arrays))
    labels = [decode(name, arrays) for name in names]
    if kind == "levels":
        levels = [_unindex(level, arrays) for level in parts[0]]
        codes = [decode(part, arrays) for part in parts[1]]
        return pd.MultiIndex(levels, codes, names=labels, verify_integrity=False)
    values, frequency = decode(parts[0], arrays), parts[1]
    index: pd.Index[Any] = pd.Index(values, name=labels[0], tupleize_cols=False)
    if index.dtype != values.dtype:  # texts in an object index stay objects
        index = pd.Index(values, name=labels[0], dtype=values.dtype)
    if isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex):
        index.freq = frequency  # type: ignore[misc]
    return index


def _series(values: Any, arrays: Arrays) -> list[Any]:
    name = encode(values.name, arrays)
    return [encode_array(values.array, arrays), _index(values.index, arrays), name]


def _unseries(content: Any, arrays: Arrays) -> Any:
    column, index, name = content
    values = decode(column, arrays)
    made = pd.Series(values, index=_unindex(index, arrays), dtype=values.dtype)
    return made.rename(decode(name, arrays))


def _frame(frame: Any, arrays: Arrays) -> list[Any]:
    columns = [
        encode_array(frame.iloc[:, place].array, arrays)
        for place in range(frame.shape[1])
    ]
    return [columns, _index(frame.index, arrays), _index(frame.columns, arrays)]


def _unframe(content: Any, arrays: Arrays) -> Any:
    columns, index, names = content
    rows = _unindex(index, arrays)
    parts = {}
    for place, column in enumerate(columns):
        values = decode(column, arrays)
        parts[place] = pd.Series(values, index=rows, dtype=values.dtype)
    frame = pd.DataFrame(parts, index=rows)
    frame.columns = _unindex(names, arrays)
    return frame


CONTAINERS: tuple[tuple[str, Callable[[Any], bool], Encode, Decode], ...] = (
    ("tuple", _instance(tuple), _entries, lambda v, a: tuple(decode(v, a))),
    ("dict", _instance(Mapping), _items, _dict),
    ("set", _is(set), _sorted_entries, lambda v, a: set(decode(v, a))),
    ("frozen", _is(frozenset), _sorted_entries, lambda v, a: frozenset(decode(v, a))),
    ("frame", _instance(pd.DataFrame), _frame, _unframe),
    ("series", _instance(pd.Series), _series, _unseries),
    ("index", _instance(pd.Index), _index, _unindex),
    ("array", _instance(np.ndarray), _numpy, _unnumpy),
)
KINDS = (
    *CONTAINERS,
    *(
        (scalar.name, scalar.matches, _alone(scalar.encode), _alone(scalar.decode))
        for scalar in SCALARS
    ),
)
DECODERS: dict[str, Decode] = {
    **{name: decoder for name, _, _, decoder in (*KINDS, *COLUMNS)},
    "other": _unother,
    "text": lambda v, _: str(v),
}
