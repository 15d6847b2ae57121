"""Fixed columns that others determine, or nearly do, beside lme4."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from flexcv.errors import RankDeficiencyWarning
from flexcv.models import LinearMixedEffectsModel


def table_of(mean: float) -> tuple[pd.DataFrame, np.ndarray]:
    """Sixty rows with a column twice, once more around a mean, and once more nearly."""
    rng = np.random.default_rng(3)
    g, x = np.repeat(np.arange(12), 5), rng.normal(size=60)
    labels = rng.choice(list("abc"), size=60)
    near = x + 1e-4 * rng.normal(size=60)
    table = {"x": x, "f": labels, "g": g, "twin": x, "near": near, "large": mean + x}
    return pd.DataFrame(table), x + rng.normal(size=12)[g] + rng.normal(size=60)


def test_a_column_is_dropped_beside_columns_that_nearly_depend_on_each_other() -> None:
    # lme4 1.1-31, R 4.2.2: REMLcrit 161.258744017, estimate and standard error of near.
    table, y = table_of(0.0)
    model = LinearMixedEffectsModel(formula="x + twin + near + (1 | g)")
    with pytest.warns(RankDeficiencyWarning, match="twin"):
        model.fit(table, y)
    assert model.criterion_ == pytest.approx(161.258744017, abs=1e-6)
    near = model.fixed_effects_.loc["near"]
    assert near["estimate"] == pytest.approx(1632.644016, rel=1e-5)
    assert near["std_error"] == pytest.approx(1225.987748, rel=1e-4)


@pytest.mark.parametrize("mean", [1e2, 1e3, 1e4, 1e5])
def test_a_column_that_a_large_mean_hides_is_dropped(mean: float) -> None:
    # lme4 1.1-31, R 4.2.2: REMLcrit and coefficients at a mean of 1e3; the mean itself
    # moves the coefficients of f only.
    table, y = table_of(mean)
    formula = "0 + f + large + twin + f:large + (1 | g)"
    model = LinearMixedEffectsModel(formula=formula)
    with pytest.warns(RankDeficiencyWarning, match="twin"):
        model.fit(table, y)
    assert model.dropped_ == ("twin",)
    assert model.criterion_ == pytest.approx(178.31246844, abs=1e-6)
    slopes = model.fixed_effects_["estimate"].iloc[3:]
    wanted = [0.9941288, -0.1320488, 0.3344944]
    np.testing.assert_allclose(slopes, wanted, rtol=1e-5)
