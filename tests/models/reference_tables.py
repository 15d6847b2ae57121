"""Tables of other packages, and where numbers of other packages lie."""

from pathlib import Path

import pandas as pd

FOLDER = Path(__file__).parents[1] / "reference"


def reference_table(name: str) -> pd.DataFrame:
    """Read one of the tables that reference numbers belong to."""
    return pd.read_csv(FOLDER / "data" / f"{name}.csv")
