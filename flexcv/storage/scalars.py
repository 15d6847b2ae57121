"""Single values that JSON lacks, as something it has, and back."""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import fractions
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True, slots=True)
class Scalar:
    """How one kind of value is written and read.

    Parameters
    ----------
    name
        What stands before the content.
    matches
        Whether a value is of this kind.
    encode, decode
        To JSON and back, exactly.
    """

    name: str
    matches: Callable[[Any], bool]
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def _seconds(value: dt.timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _scalar(value: Any) -> list[Any]:
    """Encode a NumPy scalar: its type and a value that JSON holds exactly."""
    if value.dtype.kind in "mM":
        return [value.dtype.str, int(value.astype(np.int64))]
    if value.dtype.kind in "cf":
        return [value.dtype.str, base64.b64encode(value.tobytes()).decode()]
    if value.dtype.kind == "S":
        return [value.dtype.str, base64.b64encode(value).decode()]
    return [value.dtype.name if value.dtype.kind != "U" else "str_", value.item()]


def _unscalar(content: Any) -> Any:
    name, value = content
    if name == "str_":
        return np.str_(value)
    dtype = np.dtype(name)
    if dtype.kind in "mM":
        return np.int64(value).astype(dtype)
    if dtype.kind == "S":
        return np.bytes_(base64.b64decode(value))
    if isinstance(value, str):
        return np.frombuffer(base64.b64decode(value), dtype)[0]
    return dtype.type(value)


def _timestamp(value: pd.Timestamp) -> list[Any]:
    number = value.value if value.unit == "ns" else int(value.asm8.astype(np.int64))
    return [number, value.unit, None if value.tz is None else str(value.tz)]


def _untimestamp(content: Any) -> pd.Timestamp:
    number, unit, zone = content
    naive = pd.Timestamp(np.datetime64(number, unit))
    return naive if zone is None else naive.tz_localize("UTC").tz_convert(zone)


def _timedelta(value: pd.Timedelta) -> list[Any]:
    return [int(value.asm8.astype(np.int64)), value.unit]


def _untimedelta(content: Any) -> pd.Timedelta:
    return pd.Timedelta(np.timedelta64(*content))


def _interval(value: Any) -> list[Any]:
    return [_end(value.left), _end(value.right), value.closed]


def _end(value: Any) -> Any:
    """Encode an end of an interval: a number or a time."""
    kind = next((s for s in SCALARS if s.matches(value)), None)
    return value if kind is None else {kind.name: kind.encode(value)}


def _uninterval(content: Any) -> Any:
    *ends, closed = content
    left, right = (_unend(end) for end in ends)
    return pd.Interval(left, right, closed)


def _unend(content: Any) -> Any:
    if not isinstance(content, dict):
        return content
    [(name, inside)] = content.items()
    return next(s for s in SCALARS if s.name == name).decode(inside)


def _clock(value: Any) -> list[Any]:
    return [value.isoformat(), value.fold]


def _undatetime(content: Any) -> dt.datetime:
    return dt.datetime.fromisoformat(content[0]).replace(fold=content[1])


def _untime(content: Any) -> dt.time:
    return dt.time.fromisoformat(content[0]).replace(fold=content[1])


def _unperiod(content: Any) -> Any:
    return pd.Period(ordinal=content[0], freq=content[1])


def _uncomplex(content: Any) -> complex:
    return complex(float(content[0]), float(content[1]))


def _unrange(content: Any) -> range:
    return range(*content)


def _is_scalar(value: Any) -> bool:
    return isinstance(value, np.generic) and value.dtype.kind not in "VO"


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _is(kind: type) -> Callable[[Any], bool]:
    return lambda value: type(value) is kind


def _nothing(_: Any) -> None:
    return None


SCALARS = (
    Scalar("NA", lambda v: v is pd.NA, _nothing, lambda _: pd.NA),
    Scalar("NaT", lambda v: v is pd.NaT, _nothing, lambda _: pd.NaT),
    Scalar("float", _is(float), str, float),
    Scalar("numpy", _is_scalar, _scalar, _unscalar),
    Scalar("time", _is(pd.Timestamp), _timestamp, _untimestamp),
    Scalar("span", _is(pd.Timedelta), _timedelta, _untimedelta),
    Scalar("interval", _is(pd.Interval), _interval, _uninterval),
    Scalar("period", _is(pd.Period), lambda v: [v.ordinal, v.freqstr], _unperiod),
    Scalar("datetime", _is(dt.datetime), _clock, _undatetime),
    Scalar("date", _is(dt.date), str, dt.date.fromisoformat),
    Scalar("clock", _is(dt.time), _clock, _untime),
    Scalar("days", _is(dt.timedelta), _seconds, lambda v: dt.timedelta(*v)),
    Scalar("complex", _is(complex), lambda v: [repr(v.real), repr(v.imag)], _uncomplex),
    Scalar("bytes", _is(bytes), _text, base64.b64decode),
    Scalar("decimal", _is(decimal.Decimal), str, decimal.Decimal),
    Scalar("fraction", _is(fractions.Fraction), str, fractions.Fraction),
    Scalar("steps", _is(range), lambda v: [v.start, v.stop, v.step], _unrange),
)
