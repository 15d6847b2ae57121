"""What is unknown of parameters and of effects given the data."""

from __future__ import annotations

import json

import numpy as np
import pytest

from flexcv.models import LinearMixedEffectsModel
from tests.models.reference_tables import FOLDER


@pytest.mark.reference
def test_conditional_deviations_are_those_of_lme4(
    model: LinearMixedEffectsModel,
) -> None:
    """lme4 1.1-31, `condVar`; tests/reference/lme4/sleepstudy_corr__REML.json."""
    path = FOLDER / "lme4" / "sleepstudy_corr__REML.json"
    part = json.loads(path.read_text())["ranef"]["Subject"]
    wanted = np.sqrt(np.einsum("naa->na", np.array(part["condvar"])))
    np.testing.assert_allclose(model.conditional_sd()["Subject"], wanted, rtol=1e-5)
