"""The algebra behind known rows, on designs made by hand."""

import numpy as np
import pandas as pd
import pytest

from flexcv.errors import ModelError
from flexcv.models.design.columns import RandomDesign, RandomFactor
from flexcv.models.gaussian import known_rows
from flexcv.models.gaussian.conditional import learn_uncertainty
from flexcv.models.gaussian.known_rows import effect_loads, root_of, solved


def factor_of(codes, n_levels, n_effects=1):
    rng = np.random.default_rng(len(codes))
    columns = tuple(rng.normal(size=(n_effects, len(codes))))
    names = tuple(f"e{k}" for k in range(n_effects))
    levels = pd.RangeIndex(n_levels)
    return RandomFactor("g", levels, np.asarray(codes), columns, names, (n_effects,))


def test_loads_carry_the_covariance_of_rows():
    factor = factor_of([3, 3, 4, 0], 3, 2)
    design = RandomDesign((factor,), 4)
    d = np.array([[2.0, 0.5], [0.5, 1.0]])
    known = np.array([0, 2])
    spread = learn_uncertainty(RandomDesign((factor_of([0, 1, 2], 3, 2),), 3), 1.0, [d])

    loads = effect_loads(design, known, [d], spread).toarray()

    z = np.stack(factor.columns, axis=1)
    same = factor.codes[:, None] == factor.codes
    touched = np.isin(factor.codes, [3, 4])
    expected = np.where(same & touched, z @ d @ z.T, 0.0)
    assert np.abs(loads @ loads.T - expected).max() < 1e-12


def test_a_root_of_a_singular_covariance_gives_it_back():
    covariances = np.array([[[1.0, 1.0], [1.0, 1.0]], [[2.0, 0.0], [0.0, 0.0]]])

    roots = root_of(covariances)

    assert np.abs(roots @ roots.transpose(0, 2, 1) - covariances).max() < 1e-12


def test_no_effects_have_no_solution_to_find():
    loads = known_rows.csr_array((2, 0))

    assert solved(loads, np.ones(2), np.zeros(0)).shape == (0,)


def test_too_many_trained_levels_of_several_factors_are_refused(monkeypatch):
    monkeypatch.setattr(known_rows, "LARGEST_JOINT", 2)
    factors = factor_of([0, 1], 2), factor_of([0, 1], 2)
    design = RandomDesign(factors, 2)

    with pytest.raises(ModelError) as caught:
        effect_loads(design, np.array([0]), [np.eye(1), np.eye(1)], None)

    assert str(caught.value) == (
        "known rows of several factors move at most 2 effects of levels that training "
        "showed, and these rows have 4; predict fewer rows at a time."
    )
