"""Read a table that lies beside this module."""

from __future__ import annotations

import gzip
import io
from collections.abc import Sequence
from importlib.resources import files

import pandas as pd


def read_table(
    file_name: str, labels: Sequence[str] = (), factors: Sequence[str] = ()
) -> pd.DataFrame:
    """Read one shipped table.

    Parameters
    ----------
    file_name
        A `.csv` or `.csv.gz` file of this package.
    labels
        Columns that name groups; they come back as strings.
    factors
        Columns with few fixed levels; they come back as categories, in the order
        in which the levels appear.
    """
    content = files("flexcv.datasets").joinpath(file_name).read_bytes()
    if file_name.endswith(".gz"):
        content = gzip.decompress(content)
    table = pd.read_csv(
        io.BytesIO(content), dtype=dict.fromkeys([*labels, *factors], "str")
    )
    for name in factors:
        table[name] = pd.Categorical(table[name], categories=table[name].unique())
    return table
