"""The types that public signatures name beside those of NumPy and pandas."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

Between: TypeAlias = bool | Literal["auto"]
Callback: TypeAlias = Callable[[Mapping[str, float]], bool | None]
KnownRows: TypeAlias = tuple[pd.DataFrame | npt.ArrayLike, npt.ArrayLike]
KnownGroups: TypeAlias = Literal["conditional", "population"]
NaAction: TypeAlias = Literal["raise", "drop"]
UnknownLevels: TypeAlias = Literal["refuse", "zero", "missing"]
Seed: TypeAlias = int | np.random.Generator | np.random.RandomState | None


class Splitter(Protocol):
    """Whatever divides rows as scikit-learn's splitters do."""

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Iterable[Any]:
        """Yield (train, test) positions of rows."""
        ...


Folds: TypeAlias = int | Splitter | None
Pairs: TypeAlias = Iterable[tuple[npt.ArrayLike, npt.ArrayLike]]
