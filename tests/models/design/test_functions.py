"""Functions of formulas mean what R or NumPy means."""

import numpy as np
import pandas as pd
import pytest

from flexcv.models.design._effects import Columns
from flexcv.models.design.columns import learn_fixed


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("log(z)", np.log),
        ("log(z, 2)", np.log2),
        ("sqrt(z)", np.sqrt),
        ("exp(z)", np.exp),
        ("log1p(z)", np.log1p),
        ("np.log(z)", np.log),
        ("as.numeric(z)", np.asarray),
        ("I(z^-1)", np.reciprocal),
        ("I(-z^2)", lambda z: -(z**2)),
        ("ifelse(z > 2, 1, 0)", lambda z: 1.0 * (z > 2)),
        ("pmax(z, 2)", lambda z: np.maximum(z, 2.0)),
        ("z.clip(2)", lambda z: np.maximum(z, 2.0)),
        ("{z + 1}", lambda z: z + 1),
    ],
)
def test_functions_mean_what_r_or_numpy_means(formula: str, value) -> None:
    table = pd.DataFrame({"z": [0.5, 1.5, 2.5, 4.0]})
    encoder = learn_fixed(table, formula=formula)
    found = encoder.columns(Columns(table))[1]
    np.testing.assert_allclose(found, value(table["z"].to_numpy()), rtol=1e-15)


def test_natural_splines_are_those_of_r_inside_and_outside() -> None:
    # ns(c(0, 1, 2, 4, 7), df = 3) and predict(., c(-1, 9)), R 4.2.2, 15 digits
    table = pd.DataFrame({"x": [0.0, 1.0, 2.0, 4.0, 7.0]})
    encoder = learn_fixed(table, formula="ns(x, df=3)")
    inside = np.array(encoder.columns(Columns(table))[1:]).T
    wanted = [
        [0.0, 0.0, 0.0],
        [-0.143290715043829398, 0.446558183747929, -0.2711246115612428],
        [0.000444768205499407, 0.596372319077624, -0.3592820732775209],
        [0.490399624443903392, 0.379323075552611, -0.0553605915167593],
        [-0.156616415410385235, 0.398659966499163, 0.7579564489112228],
    ]
    np.testing.assert_allclose(inside, wanted, atol=1e-12)
    new = pd.DataFrame({"x": [-1.0, 9.0]})
    wanted = [
        [0.196772815962305, -0.500876258813140, 0.304103442850835],
        [-0.835008375209380, 0.489112227805696, 1.345896147403685],
    ]
    outside = np.array(encoder.columns(Columns(new))[1:]).T
    np.testing.assert_allclose(outside, wanted, atol=1e-12)
