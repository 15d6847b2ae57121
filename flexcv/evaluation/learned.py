"""What a fitted model says of itself: effects, variances, importances.

No post-processor has to be asked for these; they cost next to nothing beside a fit.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from flexcv.arrays import FloatArray
from flexcv.errors import FlexcvWarning

from .steps import flat_steps, inner_table

MOST_ROWS = 10_000  # of one table; a model with more coefficients keeps them itself


def learned_tables(estimator: Any, row: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the tables that a fitted model has of what it learned.

    Parameters
    ----------
    estimator
        The fitted pipeline.
    row
        A row of the table that it reads, for the names of its columns.

    Returns
    -------
    ``"fixed_effects"`` (name, estimate and what the model knows besides),
    ``"variance_components"`` and ``"importance"`` (feature, importance), as far as the
    model, or the learner inside it, has them.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> table = pd.DataFrame({"x": [0.0, 1.0], "z": [1.0, 1.0]})
    >>> tree = DecisionTreeRegressor().fit(table, [1.0, 2.0])
    >>> learned_tables(tree, table.head(1))["importance"]
      feature  importance
    0       x         1.0
    1       z         0.0
    """
    model = flat_steps(estimator)[-1]
    looks: dict[str, Callable[[], pd.DataFrame | None]] = {
        "fixed_effects": lambda: _fixed_effects(model),
        "variance_components": lambda: _table_of(model, "variance_components_"),
        "importance": lambda: _importance(estimator, model, row),
    }
    looked = {name: _looked(look, name, model) for name, look in looks.items()}
    return {
        name: table
        for name, table in looked.items()
        if table is not None and 0 < len(table) <= MOST_ROWS
    }


class LearnedLater(Mapping[str, pd.DataFrame]):
    """The tables of a fitted model, made when somebody first looks at one.

    Parameters
    ----------
    estimator, row
        As `learned_tables` takes them.
    """

    def __init__(self, estimator: Any, row: pd.DataFrame) -> None:
        self._source: tuple[Any, pd.DataFrame] | None = (estimator, row)
        self._known: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        return self._tables()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tables())

    def __len__(self) -> int:
        return len(self._tables())

    def _tables(self) -> dict[str, pd.DataFrame]:
        if self._source is not None:
            self._known = learned_tables(*self._source)
            self._source = None
        return self._known


def _looked(
    look: Callable[[], pd.DataFrame | None], name: str, model: Any
) -> pd.DataFrame | None:
    """Look; what fails here is told, and costs no fold that was fitted."""
    try:
        return look()
    except Exception as error:  # noqa: BLE001
        warnings.warn(
            f"{name.replace('_', ' ')} of {type(model).__name__} could not be read "
            f"({type(error).__name__}: {error}); the fold is kept without them.",
            FlexcvWarning,
            stacklevel=2,
        )
        return None


def _table_of(model: Any, name: str) -> pd.DataFrame | None:
    table = getattr(model, name, None)
    return table if isinstance(table, pd.DataFrame) else None


def _fixed_effects(model: Any) -> pd.DataFrame | None:
    table = _table_of(model, "fixed_effects_")
    return None if table is None else table.rename_axis("name").reset_index()


def _importance(estimator: Any, model: Any, row: pd.DataFrame) -> pd.DataFrame | None:
    """Return the importances of the model, or of the learner that it is put around."""
    for inner in _with_learners(model):
        values = _importances_of(inner)
        if values is None:
            continue
        names = getattr(inner, "feature_names_in_", None)
        if names is None and inner is model:
            names = inner_table(estimator, row).columns
        if names is None or len(names) != len(values):
            return None
        table = pd.DataFrame({"feature": [str(n) for n in names], "importance": values})
        return table.sort_values(
            "importance", ascending=False, ignore_index=True, kind="stable"
        )
    return None


def _with_learners(model: Any) -> Iterator[Any]:
    """Yield a model, then what it was put around, from outside to inside."""
    while model is not None:
        yield model
        learner = getattr(model, "learner_", None)
        model = None if learner is None else flat_steps(learner)[-1]


def _importances_of(model: Any) -> FloatArray | None:
    """Return `feature_importances_`, or None where a model has none of the kind."""
    try:
        values = np.asarray(model.feature_importances_, dtype=np.float64)
    except (AttributeError, NotImplementedError):
        return None
    return values if values.ndim == 1 else None
