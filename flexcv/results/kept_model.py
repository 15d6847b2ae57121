"""What results know of the model that is kept; `flexcv.FinalModel` says the rest."""

# ruff: noqa: D102  (each member is described where it is written)

from __future__ import annotations

import os
from typing import Any, Protocol

import numpy.typing as npt
import pandas as pd

from flexcv.arrays import FloatArray


class KeptModel(Protocol):
    """A model that was fitted to all rows, with what is known about it."""

    @property
    def estimator(self) -> Any: ...
    @property
    def scores(self) -> pd.DataFrame: ...
    @property
    def agreement(self) -> pd.DataFrame: ...
    def predict(self, X: Any, **predict_params: Any) -> npt.NDArray[Any]: ...
    def predict_proba(self, X: Any, **predict_params: Any) -> FloatArray: ...
    def predict_interval(
        self, X: Any, level: float = 0.95, **settings: Any
    ) -> pd.DataFrame: ...
    def check(self, X: Any) -> pd.DataFrame: ...
    def summary(self) -> pd.DataFrame: ...
    def save(self, folder: str | os.PathLike[str]) -> None: ...
