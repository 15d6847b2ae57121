"""Tables as people have them, and what becomes of each; docs/inputs.md shows the list."""

from __future__ import annotations

import decimal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from flexcv.datasets import load_sleepstudy

TAKEN = "taken"
TRIED: list[Tried] = []


@dataclass(frozen=True)
class Tried:
    """What is passed to `set_data`, and what is said of it."""

    name: str
    outcome: str
    make: Callable[[pd.DataFrame], tuple[Any, ...]]

    def arguments(self) -> tuple[Any, ...]:
        """Return X, y and groups."""
        return self.make(load_sleepstudy())


def tried(name: str, outcome: str = TAKEN) -> Callable[..., None]:
    """Put a function that makes the arguments on the list."""
    return lambda make: TRIED.append(Tried(name, outcome, make))


def named(table: Any) -> tuple[Any, ...]:
    """Return a table with the names of target and groups."""
    return table, "Reaction", "Subject"


def with_column(t: pd.DataFrame, values: Any) -> tuple[Any, ...]:
    """Return the table with one more feature."""
    return named(t.assign(b=values))


@tried("DataFrame of pandas, columns by their names")
def _(t):
    return named(t)


@tried("dictionary of columns")
def _(t):
    return named({name: t[name] for name in t})


@tried("arrays")
def _(t):
    return t[["Days"]].to_numpy(), t["Reaction"].to_numpy(), t["Subject"].to_numpy()


@tried("lists")
def _(t):
    return (
        t[["Days"]].to_numpy().tolist(),
        t["Reaction"].tolist(),
        t["Subject"].tolist(),
    )


@tried("DataFrame of polars")
def _(t):
    return named(pytest.importorskip("polars").from_pandas(t))


@tried("LazyFrame of polars", "not computed yet")
def _(t):
    return named(pytest.importorskip("polars").from_pandas(t).lazy())


@tried("table of pyarrow")
def _(t):
    return named(pytest.importorskip("pyarrow").Table.from_pandas(t))


@tried("relation of duckdb")
def _(t):
    t = t.astype({"Subject": object})
    return named(pytest.importorskip("duckdb").from_df(t))


@tried("sparse matrix of scipy", "got a sparse matrix; pass X.toarray()")
def _(t):
    return sparse.csr_array(t[["Days"]].to_numpy()), t["Reaction"], t["Subject"]


@tried("name of a file", "read the file first")
def _(t):
    return named("table.csv")


@tried("whole numbers as names of columns")
def _(t):
    return t.set_axis([0, 1, 2], axis=1), 0, 2


@tried("tuples as names of columns (MultiIndex)")
def _(t):
    names = [("out", "y"), ("in", "days"), ("id", "subject")]
    return t.set_axis(pd.MultiIndex.from_tuples(names), axis=1), names[0], names[2]


@tried("a list of one name for target and groups")
def _(t):
    return t, ["Reaction"], ["Subject"]


@tried("target as a DataFrame of one column")
def _(t):
    return t[["Days"]], t[["Reaction"]], t["Subject"]


@tried("several grouping columns")
def _(t):
    return t.assign(day=t["Days"].astype(str)), "Reaction", ["Subject", "day"]


@tried("groups as a level of the index", "a level of its index; pass X.reset_index()")
def _(t):
    return named(t.set_index("Subject"))


@tried("target with another index", "have different indexes")
def _(t):
    return t[["Days"]], t["Reaction"].set_axis(range(5, 185)), t["Subject"]


@tried("groups with the rows in another order", "have different indexes")
def _(t):
    return t[["Days"]], t["Reaction"], t["Subject"].sample(frac=1, random_state=0)


@tried("an index that repeats, or holds dates")
def _(t):
    return named(t.set_axis([0] * len(t)))


@tried("target shorter than the table", "has 179 rows but `X` has 180")
def _(t):
    return t[["Days"]], t["Reaction"].to_numpy()[:-1], t["Subject"]


@tried("a name that is no column", "did you mean 'Reaction'?")
def _(t):
    return t, "reaction", "Subject"


@tried("two columns of one name", "more than one column called 'Days'")
def _(t):
    return named(pd.concat([t, t[["Days"]]], axis=1))


@tried("no rows", "pass at least one row and one feature")
def _(t):
    return named(t[:0])


@tried("no feature beside target and groups", "no feature is left")
def _(t):
    return named(t[["Reaction", "Subject"]])


@tried("a missing target", "`y` has 1 missing value(s)")
def _(t):
    return named(t.assign(Reaction=t["Reaction"].where(t.index > 0)))


@tried("an infinite target", "`y` has infinite values")
def _(t):
    return named(t.assign(Reaction=t["Reaction"].where(t.index > 0, np.inf)))


@tried("a missing group", "has 1 missing label(s)")
def _(t):
    return named(t.assign(Subject=t["Subject"].where(t.index > 0)))


@tried("an infinite feature", "infinite values in 'Days'")
def _(t):
    return named(t.assign(Days=t["Days"].astype(float).where(t.index > 0, np.inf)))


@tried("a missing feature, and a model that takes none", "impute them in a pipeline")
def _(t):
    return named(t.assign(Days=t["Days"].where(t.index > 0)))


@tried("nullable numbers of pandas")
def _(t):
    return named(t.convert_dtypes())


@tried("columns that pyarrow holds")
def _(t):
    pytest.importorskip("pyarrow")
    return named(t.convert_dtypes(dtype_backend="pyarrow"))


@tried("whole numbers or texts as labels of groups")
def _(t):
    return named(t.assign(Subject=t["Subject"].astype(int)))


@tried("labels of two types in one column of groups", "a mixture of numbers and text")
def _(t):
    other = t["Subject"].astype(int).astype(object)
    return named(t.assign(Subject=t["Subject"].where(t.index % 2 == 0, other)))


@tried("Boolean features")
def _(t):
    return with_column(t, t["Days"] > 4)


@tried("categories and texts, for models that take them")
def _(t):
    return with_column(t, np.where(t["Days"] > 4, "late", "early"))


@tried("dates as a feature", "not numbers, which many models do not take: 'b'")
def _(t):
    return with_column(t, pd.Timestamp("2020") + pd.to_timedelta(t["Days"], "D"))


@tried("durations as a feature", "not numbers, which many models do not take: 'b'")
def _(t):
    return with_column(t, pd.to_timedelta(t["Days"], "D"))


@tried("complex numbers", "pass their real and imaginary parts as two columns")
def _(t):
    return with_column(t, t["Days"] * 1j)


@tried("decimals")
def _(t):
    return named(t.assign(Days=[decimal.Decimal(int(day)) for day in t["Days"]]))


@tried("lists in the cells of a column", "holds a list in a cell")
def _(t):
    return with_column(t, [[1]] * len(t))


@tried("texts as the target of a regressor", "use a classifier")
def _(t):
    return named(t.assign(Reaction=np.where(t["Days"] > 4, "slow", "quick")))


@tried("a constant target of a mixed model", "fit the target exactly")
def _(t):
    return named(t.assign(Reaction=1.0))
