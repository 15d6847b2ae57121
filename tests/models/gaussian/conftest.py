"""The sleep study and the model that everybody fits to it."""

from __future__ import annotations

import pandas as pd
import pytest

from flexcv.models import LinearMixedEffectsModel
from tests.models.reference_tables import reference_table


@pytest.fixture(scope="package")
def sleep() -> pd.DataFrame:
    return reference_table("sleepstudy")


@pytest.fixture(scope="package")
def model(sleep: pd.DataFrame) -> LinearMixedEffectsModel:
    X = sleep[["Days", "Subject"]]
    return LinearMixedEffectsModel("Subject", "Days").fit(X, sleep["Reaction"])
