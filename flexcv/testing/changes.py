"""Changes of a table that should change no prediction, and how far they move one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from sklearn.base import clone

from flexcv.arrays import FloatArray, IntArray

OUTCOMES = ("numbers", "classes", "counts")


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A table with groups, and what happened to it.

    Attributes
    ----------
    table
        Features and one column of groups.
    y
        The target.
    group
        The column of groups.
    outcome
        ``"numbers"``, ``"classes"`` or ``"counts"``.
    rows
        Positions of these rows in the table before it was changed.
    times, plus
        What the target was multiplied by, and what was added then.
    """

    table: pd.DataFrame
    y: Any
    group: str
    outcome: str = "numbers"
    rows: IntArray | None = None
    times: float = 1.0
    plus: float = 0.0

    def renamed(self, labels: Any) -> Sample:
        """Return the sample with other labels of its groups, one per row."""
        return replace(self, table=self.table.assign(**{self.group: labels}))


Change: TypeAlias = Callable[[Sample, np.random.Generator], Sample]


def nothing(sample: Sample, draws: np.random.Generator) -> Sample:  # noqa: ARG001
    """Return the same sample: only a seed could move predictions."""
    return sample


def other_names(sample: Sample, draws: np.random.Generator) -> Sample:
    """Return the sample with the names of its groups dealt out anew."""
    codes, labels = pd.factorize(sample.table[sample.group], sort=True)
    dealt = draws.permutation(np.asarray(labels))
    return sample.renamed(dealt[codes])


def names_as_text(sample: Sample, draws: np.random.Generator) -> Sample:  # noqa: ARG001
    """Return the sample with groups called by texts, which sort otherwise."""
    codes = pd.factorize(sample.table[sample.group], sort=True)[0]
    return sample.renamed([f"{code}" for code in codes])


def names_as_numbers(sample: Sample, draws: np.random.Generator) -> Sample:  # noqa: ARG001
    """Return the sample with groups called by whole numbers."""
    return sample.renamed(pd.factorize(sample.table[sample.group], sort=True)[0])


def names_as_category(sample: Sample, draws: np.random.Generator) -> Sample:
    """Return the sample with groups as a category in an order of its own."""
    names = sample.table[sample.group].astype(str)
    order = draws.permutation(np.append(names.unique(), "nobody"))
    return sample.renamed(pd.Categorical(names, categories=order))


def small_units(sample: Sample, draws: np.random.Generator) -> Sample:  # noqa: ARG001
    """Return the sample with a target in units 1e8 times as large."""
    return _in_units(sample, 1e-8, 0.0)


def large_units(sample: Sample, draws: np.random.Generator) -> Sample:  # noqa: ARG001
    """Return the sample with a target times 1000 plus 5."""
    return _in_units(sample, 1e3, 5.0)


def order_of_rows(sample: Sample, draws: np.random.Generator) -> Sample:
    """Return the sample with its rows in another order."""
    order = draws.permutation(len(sample.table))
    table = sample.table.iloc[order].reset_index(drop=True)
    return replace(sample, table=table, y=np.asarray(sample.y)[order], rows=order)


def order_of_columns(sample: Sample, draws: np.random.Generator) -> Sample:  # noqa: ARG001
    """Return the sample with its columns backwards."""
    return replace(sample, table=sample.table[sample.table.columns[::-1]])


CHANGES: dict[str, Change] = {
    "seed": nothing,
    "names": other_names,
    "text": names_as_text,
    "numbers": names_as_numbers,
    "category": names_as_category,
    "small units": small_units,
    "large units": large_units,
    "rows": order_of_rows,
    "columns": order_of_columns,
}


def largest_move(
    make_model: Callable[..., Any], sample: Sample, change: Change, *, seed: int = 0
) -> float:
    """Compute how far a change of the training table moves predictions.

    Parameters
    ----------
    make_model
        Makes the estimator; is passed `groups`.
    sample
        The table.
    change
        One of `CHANGES`, or your own.
    seed
        Seeds what the change draws.

    Returns
    -------
    The largest move of a prediction of a training row over the standard deviation of
    all predictions; of a probability for two classes, as it is.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from flexcv.models import LinearMixedEffectsModel
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"x": rng.normal(size=40), "g": np.repeat(range(8), 5)})
    >>> y = table["x"] + rng.normal(size=8)[table["g"]] + rng.normal(size=40)
    >>> sample = Sample(table, y, "g")
    >>> largest_move(LinearMixedEffectsModel, sample, CHANGES["rows"]) < 1e-6
    True
    """
    changed = change(sample, np.random.default_rng(seed))
    before, after = (
        answers(fitted(make_model, given), given) for given in (sample, changed)
    )
    after = (after - changed.plus) / changed.times
    if changed.rows is not None:
        before = before[changed.rows]
    spread = 1.0 if sample.outcome == "classes" else float(before.std())
    return float(np.abs(after - before).max()) / (spread or 1.0)


def fitted(make_model: Callable[..., Any], sample: Sample, **options: Any) -> Any:
    """Fit a new model to a sample, whatever it warns of."""
    model = clone(make_model(groups=sample.group, **options))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(sample.table, sample.y)


def answers(
    model: Any, sample: Sample, table: pd.DataFrame | None = None
) -> FloatArray:
    """Return predictions, or probabilities of the second class, without warnings."""
    given = sample.table if table is None else table
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if sample.outcome == "classes":
            return np.asarray(model.predict_proba(given))[:, 1]
        return np.asarray(model.predict(given), dtype=np.float64)


def _in_units(sample: Sample, times: float, plus: float) -> Sample:
    if sample.outcome != "numbers":
        return sample
    y = times * np.asarray(sample.y) + plus
    return replace(sample, y=y, times=times, plus=plus)
