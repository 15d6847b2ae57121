"""Which installed packages a fitted model is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from ._origin import origin_of_module

FIRST = 3  # entries of a list that are looked at: those behind are of the same kind
MOST = 10_000  # objects that are looked at


def packages_of(estimator: Any) -> dict[str, str]:
    """Return the packages that an estimator and what it holds are of, with versions.

    Parameters
    ----------
    estimator
        Fitted, so that what it learned is looked at, too.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> list(packages_of(Ridge().fit([[0.0], [1.0]], [0.0, 1.0])))
    ['numpy', 'scikit-learn']
    """
    found: set[str] = set()
    seen: set[int] = set()
    waiting = [estimator]
    while waiting and len(seen) < MOST:
        value = waiting.pop()
        if id(value) not in seen:
            seen.add(id(value))
            origin = origin_of_module(type(value).__module__)
            found.update(() if origin is None else origin.split(", "))
            waiting += _parts(value)
    named = dict(entry.split("==") for entry in sorted(found))
    return {name: said for name, said in named.items() if name != "python"}


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, np.ndarray | pd.DataFrame | pd.Series | pd.Index | type):
        return ()
    if isinstance(value, Mapping):
        return list(value.values())[:FIRST]
    if isinstance(value, list | tuple):
        return value[:FIRST]
    return list(getattr(value, "__dict__", {}).values())
