"""Collections and frames whose display in a notebook is short and true."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from ._wording import counted

WIDE = 100_000  # characters: no sentence is cut


class ModelFolds(dict[str, Any]):
    """One model's lists, an entry per fold, as ``results["Model"]`` gives them.

    Examples
    --------
    >>> folds = {"model": [None], "parameters": [{}], "metrics": [{"r2": 0.5}]}
    >>> ModelFolds("Ridge", folds)
    <Ridge on 1 fold: model, parameters, metrics>
     fold  r2
        0 0.5
    """

    def __init__(self, name: str, lists: Mapping[str, Any]) -> None:
        super().__init__(lists)
        self._name = name

    def _scores(self) -> pd.DataFrame:
        frame = pd.DataFrame([dict(scores) for scores in self["metrics"]])
        frame.insert(0, "fold", range(len(frame)))
        return frame

    def _title(self) -> str:
        folds = counted(len(self["metrics"]), "fold")
        return f"{self._name} on {folds}: {', '.join(self)}"

    def __repr__(self) -> str:
        return f"<{self._title()}>\n{self._scores().to_string(index=False)}"

    def _repr_html_(self) -> str:
        page = importlib.import_module("flexcv.results.page")
        return f"<p>{page.escaped(self._title())}</p>{page.table(self._scores())}"


class Estimators(dict[str, list[Any]]):
    """Fitted models by name, a list with one per fold.

    Examples
    --------
    >>> Estimators({"Ridge": [object(), object()]})
    <fitted models by name, one per fold: Ridge (2)>
    """

    def __repr__(self) -> str:
        listed = ", ".join(f"{name} ({len(kept)})" for name, kept in self.items())
        return f"<fitted models by name, one per fold: {listed or 'none'}>"


class SentenceFrame(pd.DataFrame):
    """A frame of sentences, which are shown whole; what is made of it is a plain one.

    Examples
    --------
    >>> SentenceFrame({"message": ["a sentence " * 9]}).to_string().count("sentence")
    9
    """

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def __repr__(self) -> str:
        wide = ("display.max_colwidth", WIDE, "display.width", WIDE)
        with pd.option_context(*wide, "display.max_columns", None):
            return repr(pd.DataFrame(self))

    def _repr_html_(self) -> str:
        with pd.option_context("display.max_colwidth", WIDE):
            shown: str = super()._repr_html_()  # type: ignore[misc]
        return LONG_CELL.sub(rf'<td style="{WRAP}">\1</td>', shown)


# Cells are styled one by one: a notebook's own rules for cells win over the table's.
LONG_CELL = re.compile(r"<td>([^<]{40,})</td>")
WRAP = "white-space: normal; text-align: left; min-width: 28em;"
