"""Group labels matched as people mean them: 308, 308.0 and "308" are one label.

A table that was written as text and read back holds numbers where it held text, or the
other way round, and whole numbers become decimal ones beside a missing value. So labels
that are equal match, and what is text on one side only is compared by how the other
side is written. Texts match only texts that are equal: "01" and "1" are two labels.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from numbers import Integral, Real
from typing import Any, NamedTuple, cast

import numpy as np
import pandas as pd

from flexcv.arrays import IntArray
from flexcv.errors import UnknownGroupsWarning

EXACT_WHOLE = 2**53  # whole numbers below have one decimal spelling each
KINDS = {
    "integer": "whole numbers",
    "floating": "decimal numbers",
    "string": "text",
    "boolean": "truth values",
    "datetime64": "dates",
    "datetime": "dates",
    "date": "dates",
}


def level_codes(column: pd.Series, levels: pd.Index) -> IntArray:
    """Return the position of each row's label among `levels`, -1 when absent.

    Examples
    --------
    >>> level_codes(pd.Series(["2", "z", "1"]), pd.Index([1, 2]))
    array([ 1, -1,  0])
    """
    codes, uniques = pd.factorize(column)
    return np.append(label_places(plain_index(uniques), levels), -1)[codes]


def label_places(labels: pd.Index, known: pd.Index) -> IntArray:
    """Return the position of each label among the known ones, -1 when absent.

    Parameters
    ----------
    labels, known
        Distinct labels, of one kind or of two.

    Examples
    --------
    >>> label_places(pd.Index([308.0, 2.5]), pd.Index(["0308", "308"]))
    array([ 1, -1])
    """
    if labels.dtype == known.dtype and labels.dtype != object:
        return np.asarray(known.get_indexer(labels), dtype=np.intp)
    labels, known = _as_objects(labels), _as_objects(known)
    places = np.array(known.get_indexer(labels), dtype=np.intp)
    strange = np.flatnonzero(places < 0)
    if len(strange):
        places[strange] = _places_by_text(labels[strange], known)
    return places


def plain_index(uniques: Any) -> pd.Index:
    """Return distinct labels as an index, categories as what they are of."""
    if isinstance(getattr(uniques, "dtype", None), pd.CategoricalDtype):
        uniques = np.asarray(uniques)
    return cast("pd.Index", pd.Index(uniques))


class ColumnLabels(NamedTuple):
    """The distinct labels of one grouping column, of a table and of training."""

    name: Any
    here: pd.Index
    known: pd.Index


def warn_of_strangers(columns: Sequence[ColumnLabels]) -> None:
    """Warn that the labels of these grouping columns are of nobody in training."""
    told = [
        f"column {name!r} has {_described(here)} where training had {_described(known)}"
        for name, here, known in columns
    ]
    warnings.warn(
        f"no row of this table has a known group: {'; '.join(told)}; write labels as "
        "in training, or predict new groups with known_groups='population'.",
        UnknownGroupsWarning,
        stacklevel=5,
    )


def are_of_one_kind(labels: pd.Index, known: pd.Index) -> bool:
    """Whether two sets of labels are both numbers, both texts or both dates."""
    return _kind(labels) == _kind(known)


def _as_objects(labels: pd.Index) -> pd.Index:
    """Return labels as Python's objects; short decimal numbers as they are written."""
    dtype = labels.dtype
    if isinstance(dtype, np.dtype) and dtype.kind == "f" and dtype.itemsize < 8:
        labels = pd.Index(np.asarray(labels).astype(str).astype(np.float64))
    return labels.astype(object)


def _places_by_text(labels: pd.Index, known: pd.Index) -> list[int]:
    """Look up labels that are text on one side only."""
    texts: dict[str, int] = {}
    spelled: dict[str, int] = {}
    for place, label in enumerate(known):
        if isinstance(label, str):
            texts[str(label)] = place
        else:
            spelled |= dict.fromkeys(_spellings(label), place)
    return [_place_of(label, texts, spelled) for label in labels]


def _place_of(label: Any, texts: dict[str, int], spelled: dict[str, int]) -> int:
    if isinstance(label, str):
        return spelled.get(str(label), -1)
    return next((texts[s] for s in _spellings(label) if s in texts), -1)


def _spellings(label: Any) -> Iterator[str]:
    """Return the texts that stand for a label, the one that a file would hold first."""
    yield str(label)
    if isinstance(label, Integral) and not isinstance(label, bool):
        yield str(int(label))
    elif isinstance(label, Real) and not isinstance(label, bool):
        number = float(label)
        if number.is_integer() and abs(number) < EXACT_WHOLE:
            yield str(int(number))
    elif isinstance(label, datetime):
        if label == datetime.combine(label.date(), datetime.min.time(), label.tzinfo):
            yield label.date().isoformat()
    elif isinstance(label, date):
        yield label.isoformat()


def _kind(labels: pd.Index) -> str:
    inferred = pd.api.types.infer_dtype(_as_objects(labels), skipna=True)
    return KINDS.get(inferred, "labels")


def _described(labels: pd.Index) -> str:
    first = _as_objects(labels)[0]
    shown = first if isinstance(first, int | float | str) else str(first)
    return f"{len(labels)} label(s) ({_kind(labels)} such as {shown!r})"
