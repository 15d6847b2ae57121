"""The modes given known rows are those that training finds for its levels."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from flexcv.models.laplace.families import Binomial, Gamma, NegativeBinomial, Poisson
from flexcv.models.laplace.group_laplace import group_laplace, group_rows
from flexcv.models.laplace.known_modes import conditional_mode


@pytest.mark.parametrize(
    ("family", "dispersion"),
    [(Binomial(), 1.0), (Poisson(), 1.0), (NegativeBinomial(), 1.5), (Gamma(), 0.4)],
    ids=str,
)
def test_modes_are_those_of_training(family, dispersion):
    rng = np.random.default_rng(2)
    codes, eta = np.repeat(np.arange(8), 5), rng.normal(size=40)
    y = (
        rng.poisson(2.0, 40) + 0.5
        if isinstance(family, Gamma)
        else rng.poisson(2.0, 40)
    )
    y = (y > 1).astype(float) if isinstance(family, Binomial) else y.astype(float)
    x, factor = rng.normal(size=40), np.array([[1.2, 0.0], [0.3, 0.7]])
    rows = group_rows(family, y, codes, [np.ones(40), x])
    z = np.stack([np.ones(40), x], axis=1) @ factor
    loads = np.zeros((40, 16))
    for row, code in enumerate(codes):
        loads[row, 2 * code : 2 * code + 2] = z[row]

    u = conditional_mode(family, y, eta, csr_array(loads), np.ones(40), dispersion)

    expected = group_laplace(rows, eta, factor, dispersion=dispersion).modes
    assert np.abs(u.reshape(8, 2).T - expected).max() < 1e-6


def test_labels_that_are_all_equal_have_a_finite_mode():
    one = np.ones(50)

    u = conditional_mode(Binomial(), one, 0 * one, csr_array(9.0 * one[:, None]), one)

    assert 0.0 < u[0] < 2.0
