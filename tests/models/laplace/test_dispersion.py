"""Derivatives in the logarithm of the dispersion."""

import numpy as np
import pytest

from flexcv.models.laplace._dispersion import DISPERSION_TERMS
from flexcv.models.laplace.families import family_of

Y = {
    "gamma": np.array([0.2, 1.0, 3.0, 0.7]),
    "negative_binomial": np.array([0.0, 1.0, 5.0, 2.0]),
}
ETA, WEIGHTS = np.array([-0.5, 0.1, 0.8, 2.0]), np.array([1.0, 2.0, 0.5, 3.0])


@pytest.mark.parametrize("dispersion", [0.3, 1.0, 4.0])
@pytest.mark.parametrize("name", Y)
def test_terms_are_derivatives_of_the_rows_terms(name, dispersion):
    family, h = family_of(name, "log"), 1e-5
    ahead, behind = (
        family.terms(Y[name], ETA, WEIGHTS, dispersion * np.exp(s * h)) for s in (1, -1)
    )
    found = DISPERSION_TERMS[name](Y[name], ETA, WEIGHTS, dispersion)
    for part in ("loglik", "score", "information"):
        slope = (getattr(ahead, part) - getattr(behind, part)) / (2 * h)
        np.testing.assert_allclose(getattr(found, part), slope, rtol=1e-5, atol=1e-6)
