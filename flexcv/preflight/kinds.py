"""What the columns of a table hold, and what their names say."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from flexcv.arrays import IntArray

NUMBER, WHOLE, LABEL, DATE = "number", "whole number", "label", "date"
OTHER = "other"  # lists and the like, which no two rows can be compared by
LOOKED_AT = 50  # distinct texts, of which each must be a date
DATE_TEXT = re.compile(
    r"\d{4}-\d{1,2}-\d{1,2}([T ].*)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}( .*)?"
)
OF_DATES = ("datetime", "date", "period", "timedelta")
IDENTIFIER = re.compile(
    r"(.*[\W_])?(id|uuid|guid|key|nr|no|number|idx|index|row|record|serial)",
    re.IGNORECASE,
)
CAMEL_IDENTIFIER = re.compile(r".*[a-z](ID|Id|No|Nr)")
UNIT = re.compile(
    r"(.*[\W_])?(subject|patient|person|participant|proband|individual|user|customer|"
    r"client|student|pupil|teacher|school|class|family|household|animal|rat|mouse|"
    r"litter|plot|field|tree|hospital|clinic|practice|centre|center|firm|company|"
    r"store|shop|driver|rater|judge|batch|lot|plate|machine|device|village|county)s?"
    r"([\W_]?(id|nr|no|name|code|number))?",
    re.IGNORECASE,
)
TIME = re.compile(
    r"(.*[\W_])?(t|time|timestamp|date|datetime|day|days|week|month|quarter|year|hour|"
    r"minute|second|period|epoch|step)([\W_].*)?",
    re.IGNORECASE,
)


def kind_of(column: pd.Series[Any]) -> str:
    """Return whether a column holds numbers, whole numbers, labels, dates or others.

    Examples
    --------
    >>> kind_of(pd.Series(["2024-05-01", "2024-05-02"])), kind_of(pd.Series([1, 2]))
    ('date', 'whole number')
    """
    dtype = column.dtype
    if isinstance(dtype, np.dtype) and dtype.kind in "fciubmM":
        return {"i": WHOLE, "u": WHOLE, "m": DATE, "M": DATE}.get(dtype.kind, NUMBER)
    if isinstance(dtype, pd.CategoricalDtype):
        return DATE if kind_of(pd.Series(dtype.categories)) == DATE else LABEL
    return _kind_inferred(column)


def _kind_inferred(column: pd.Series[Any]) -> str:
    """Return what the values of a column of objects or texts are."""
    inferred = pd.api.types.infer_dtype(column, skipna=True)
    if inferred.startswith(OF_DATES):
        return DATE
    known = {"integer": WHOLE, "floating": NUMBER, "decimal": NUMBER, "boolean": NUMBER}
    if inferred in known:
        return known[inferred]
    if inferred == "string":
        return DATE if _are_dates(column) else LABEL
    return LABEL if _are_labels(column) else OTHER


def _are_labels(column: pd.Series[Any]) -> bool:
    """Whether equal values of a column can be found, as those of lists cannot."""
    try:
        pd.factorize(column)
    except TypeError:
        return False
    return True


def date_places(column: pd.Series[Any]) -> IntArray | None:
    """Return each row's place among the dates of a column, from the first on.

    None where a date is missing, or may be read in two ways, as 3/4/2024 may.

    Examples
    --------
    >>> date_places(pd.Series(["1.2.2024", "15.1.2024", "1.2.2024"])).tolist()
    [1, 0, 1]
    >>> date_places(pd.Series(["1/2/2024", "3/1/2024"])) is None
    True
    """
    values = column
    if isinstance(column.dtype, pd.CategoricalDtype):
        values = column.astype(column.cat.categories.dtype)
    if pd.api.types.infer_dtype(values, skipna=True) == "string":
        has_points = values.str.contains(".", regex=False).all()
        if not has_points and not values.str.contains("-", regex=False).all():
            return None
        values = pd.to_datetime(
            values, errors="coerce", format="mixed", dayfirst=bool(has_points), utc=True
        )
    places = np.asarray(pd.factorize(values, sort=True)[0], dtype=np.intp)
    return None if (places < 0).any() else places


def is_identifier(name: object) -> bool:
    """Whether a name says that its column tells rows or units apart.

    Examples
    --------
    >>> [is_identifier(name) for name in ("sample_id", "CustomerID", "humid")]
    [True, True, False]
    """
    text = str(name)
    found = IDENTIFIER.fullmatch(text) or CAMEL_IDENTIFIER.fullmatch(text)
    return found is not None


def is_unit(name: object) -> bool:
    """Whether a name is that of a unit which is often measured more than once."""
    return UNIT.fullmatch(str(name)) is not None


def is_time(name: object) -> bool:
    """Whether a name is that of a time."""
    return TIME.fullmatch(str(name)) is not None


def _are_dates(column: pd.Series[Any]) -> bool:
    """Whether the first distinct texts are all dates."""
    texts = column.dropna().iloc[: 20 * LOOKED_AT].unique()[:LOOKED_AT]
    return len(texts) > 1 and all(DATE_TEXT.fullmatch(str(text)) for text in texts)
