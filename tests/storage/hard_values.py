"""Values that a border between two processes, or a disk, is likely to change."""

import datetime as dt
import decimal
import fractions

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from flexcv.records import Finding, FoldResult, Predictions, Score

TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=6)
NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.sampled_from([0.1 + 0.2, -0.0, 5e-324, float("inf"), float("nan")]),
)
TIMES = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1))
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    NUMBERS,
    TEXTS,
    st.binary(max_size=4),
    st.complex_numbers(),
    st.sampled_from([pd.NA, pd.NaT]),
    st.dates(),
    TIMES,
    st.timedeltas(dt.timedelta(-1000), dt.timedelta(1000)),
    st.times(),
    st.decimals(allow_nan=False).map(decimal.Decimal),
    st.fractions().map(fractions.Fraction),
    TIMES.map(pd.Timestamp),
    TIMES.map(lambda t: pd.Timestamp(t, tz="Europe/Berlin")),
    st.integers(-(10**9), 10**9).map(lambda n: pd.Timedelta(n, "ns")),
    st.sampled_from([np.float32(0.1), np.int8(-3), np.True_, np.str_("a"), np.float64("nan"), np.datetime64("2020-01-02", "D"), np.timedelta64(3, "s"), np.complex64(1j)]),
    st.sampled_from([pd.Period("2020-01", "M"), pd.Interval(0.5, 2.0, "left"), range(1, 9, 2)]),
)  # fmt: skip
PARAMS = st.recursive(
    SCALARS,
    lambda inside: st.one_of(
        st.lists(inside, max_size=3),
        st.lists(inside, max_size=3).map(tuple),
        st.dictionaries(st.one_of(TEXTS, st.integers(), st.tuples(TEXTS, st.integers())), inside, max_size=3),
    ),
    max_leaves=6,
)  # fmt: skip


def columns(n):
    """Columns of n rows, of every type that a table of a post-processor may have."""
    entries = st.lists
    size = {"min_size": n, "max_size": n}
    codes = entries(st.integers(-1, 2), **size)
    return st.one_of(
        entries(st.floats(), **size).map(lambda v: pd.Series(v, dtype="float64")),
        entries(st.floats(width=32), **size).map(lambda v: pd.Series(v, dtype="float32")),
        entries(st.integers(-100, 100), **size).map(lambda v: pd.Series(v, dtype="int8")),
        entries(st.booleans(), **size).map(lambda v: pd.Series(v, dtype="bool")),
        entries(st.one_of(st.none(), TEXTS), **size).map(lambda v: pd.Series(v, dtype="str")),
        entries(st.one_of(st.none(), TEXTS), **size).map(lambda v: pd.Series(v, dtype="string")),
        entries(SCALARS, **size).map(lambda v: pd.Series(v, dtype=object)),
        entries(PARAMS, **size).map(as_objects),
        entries(st.one_of(st.none(), st.integers(-5, 5)), **size).map(lambda v: pd.Series(v, dtype="Int64")),
        entries(st.one_of(st.none(), st.booleans()), **size).map(lambda v: pd.Series(v, dtype="boolean")),
        entries(st.one_of(st.none(), st.floats(allow_nan=False)), **size).map(lambda v: pd.Series(v, dtype="Float64")),
        codes.map(lambda v: pd.Series(pd.Categorical.from_codes(v, ["lo", "", "hi"], ordered=True))),
        codes.map(lambda v: pd.Series(pd.Categorical.from_codes(v, [3, 1, 2]))),
        codes.map(lambda v: pd.Series(pd.Categorical.from_codes(v, pd.interval_range(0, 3)))),
        entries(TIMES, **size).map(lambda v: pd.Series(v, dtype="datetime64[us]")),
        entries(TIMES, **size).map(lambda v: pd.Series(v, dtype="datetime64[ns, Europe/Berlin]")),
        entries(st.one_of(st.just(pd.NaT), TIMES), **size).map(lambda v: pd.Series(v, dtype="datetime64[ns]")),
        entries(st.timedeltas(dt.timedelta(-9), dt.timedelta(9)), **size).map(lambda v: pd.Series(v, dtype="timedelta64[ns]")),
        entries(TIMES, **size).map(lambda v: pd.Series(pd.PeriodIndex(v, freq="M"))),
        entries(st.floats(), **size).map(lambda v: pd.Series(pd.arrays.SparseArray(np.array(v, float)))),
        entries(st.complex_numbers(), **size).map(lambda v: pd.Series(v, dtype="complex128")),
    )  # fmt: skip


def as_objects(values):
    column = np.empty(len(values), dtype=object)
    for place, value in enumerate(values):
        column[place] = value
    return pd.Series(column, dtype=object)


NAMES = st.one_of(st.none(), TEXTS, st.integers(0, 3), st.tuples(TEXTS, st.integers()))


@st.composite
def indexes(draw, n):
    kind = draw(st.sampled_from(["range", "labels", "levels"]))
    if kind == "range":
        return pd.RangeIndex(5, 5 + 2 * n, 2, name=draw(NAMES))
    if kind == "labels":
        return pd.Index(draw(columns(n)), name=draw(NAMES), tupleize_cols=False)
    parts = [
        draw(st.lists(part, min_size=n, max_size=n))
        for part in (TEXTS, st.integers(0, 2))
    ]
    return pd.MultiIndex.from_arrays(parts, names=[draw(NAMES), draw(NAMES)])  # fmt: skip


@st.composite
def frames(draw):
    n, width = draw(st.integers(0, 4)), draw(st.integers(0, 3))
    parts = {place: draw(columns(n)) for place in range(width)}
    frame = pd.DataFrame(parts, index=range(n))
    names = draw(st.lists(st.one_of(TEXTS, st.integers(0, 2)), min_size=width, max_size=width))  # fmt: skip
    frame.columns = pd.Index(names, dtype=object)  # names may repeat
    frame.index = draw(indexes(n))
    return frame


@st.composite
def predictions(draw):
    n = draw(st.integers(0, 4))
    rows = np.array(draw(st.lists(st.integers(0, 99), min_size=n, max_size=n)), np.intp)
    kind = draw(st.sampled_from(["float64", "float32", "int16"]))
    predicted = np.arange(n).astype(kind)
    if n and kind == "float64":
        predicted[0] = draw(st.floats())
    table = np.full((n, 2), 0.5) if draw(st.booleans()) else None
    return Predictions(rows, predicted, table)


DRAWINGS = st.sampled_from([None, "importance", "roc"])
FOLD_RESULTS = st.builds(
    FoldResult,
    TEXTS.filter(bool),
    st.integers(0, 9),
    st.integers(0, 99),
    train=st.one_of(st.none(), predictions()),
    test=st.one_of(st.none(), predictions()),
    params=st.dictionaries(TEXTS, PARAMS, max_size=3),
    drawn=st.dictionaries(TEXTS, st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS), max_size=3),
    trials=st.one_of(st.none(), frames()),
    traces=st.one_of(st.none(), frames()),
    learned=st.dictionaries(TEXTS, frames(), max_size=2),
    findings=st.lists(st.builds(Finding, TEXTS, frames(), DRAWINGS), max_size=2).map(tuple),
    warnings=st.lists(st.tuples(TEXTS, TEXTS), max_size=2).map(tuple),
    seconds=st.dictionaries(TEXTS, st.floats(0, 9), max_size=2),
    error=TEXTS,
    scores=st.lists(st.builds(Score, st.sampled_from(["test", "train"]), TEXTS, st.floats(), st.integers(0, 9), TEXTS), max_size=3).map(tuple),
)  # fmt: skip


def assert_same(one, other):
    """Compare two values with their types, at any depth; NaN is NaN."""
    assert type(one) is type(other), (one, other)
    if isinstance(one, dict):
        assert_same(list(one), list(other))
        assert_same(list(one.values()), list(other.values()))
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for mine, yours in zip(one, other, strict=True):
            assert_same(mine, yours)
    elif isinstance(one, pd.DataFrame):
        assert_same_index(one.columns, other.columns)
        assert_same_index(one.index, other.index)
        for place in range(one.shape[1]):
            assert_same_column(one.iloc[:, place], other.iloc[:, place])
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    else:
        assert repr(one) == repr(other)


def assert_same_index(one, other):
    assert type(one) is type(other)
    assert_same(list(one.names), list(other.names))
    assert one.dtype == other.dtype
    assert_same(list(one), list(other))


def assert_same_column(one, other):
    assert one.dtype == other.dtype
    assert_same(list(one), list(other))


def assert_same_result(one, other):
    for name in FoldResult.__dataclass_fields__:
        mine, yours = getattr(one, name), getattr(other, name)
        if name in {"train", "test"}:
            assert (mine is None) == (yours is None)
            for part in () if mine is None else Predictions.__dataclass_fields__:
                assert_same(getattr(mine, part), getattr(yours, part))
        elif name == "findings":
            assert_same(
                [(f.name, f.frame, f.draw) for f in mine],
                [(f.name, f.frame, f.draw) for f in yours],
            )
        elif name == "scores":
            assert_same([repr(s) for s in mine], [repr(s) for s in yours])
        else:
            assert_same(mine, yours)
