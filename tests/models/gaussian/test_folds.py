"""Fits to training folds from sums."""

import numpy as np
import pandas as pd
import pytest

from flexcv.errors import ModelError
from flexcv.models import LinearMixedEffectsModel
from flexcv.models.design._effects import Columns
from flexcv.models.design.columns import learn_fixed, learn_random
from flexcv.models.design.terms import random_terms
from flexcv.models.gaussian.folds import estimate_folds


def setting(by_group: bool = False):
    rng = np.random.default_rng(11)
    g = np.repeat(np.arange(40), 15)
    frame = pd.DataFrame({"x": rng.normal(size=600), "g": g})
    frame["w"] = rng.uniform(0.5, 2.0, 600)
    b = rng.normal(size=(40, 2)) * [1.0, 0.5]
    y = frame["x"] + b[g, 0] + b[g, 1] * frame["x"] + rng.normal(size=600)
    folds = g % 5 if by_group else rng.integers(0, 5, 600)
    return frame, y.to_numpy(), folds


def from_sums(frame, y, folds, **options):
    source = Columns(frame)
    _, design = learn_random(source, random_terms("g", "x"))
    columns = learn_fixed(frame, leave_out=["g", "w"]).columns(source)
    return estimate_folds(columns, design, y, folds, constant=source.ones, **options)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("by_group", [False, True])
def test_sums_and_rows_give_the_same_fit(by_group: bool, weighted: bool) -> None:
    frame, y, folds = setting(by_group)
    weights = frame["w"].to_numpy() if weighted else None
    fits = from_sums(frame, y, folds, weights=weights)
    table = frame if weighted else frame.drop(columns="w")
    for k, fit in enumerate(fits):
        model = LinearMixedEffectsModel("g", "x", weights="w" if weighted else None)
        rows = model.fit(table[folds != k], y[folds != k]).estimate_
        assert fit.criterion == pytest.approx(rows.criterion, abs=1e-8)
        np.testing.assert_allclose(fit.beta, rows.beta, atol=1e-9)
        np.testing.assert_allclose(fit.factors[0], rows.factors[0], atol=1e-9)
        seen = np.unique(frame["g"][folds != k])
        np.testing.assert_allclose(fit.effects[0][seen], rows.effects[0], atol=1e-9)
        unseen = np.setdiff1d(np.arange(40), seen)
        assert not fit.effects[0][unseen].any()


def test_a_warm_start_saves_steps() -> None:
    frame, y, folds = setting()
    fits = from_sums(frame, y, folds)
    assert max(fit.minimum.n_iter for fit in fits) <= 5


def test_a_fold_without_a_column_is_refused() -> None:
    frame, y, folds = setting()
    frame["x"] = np.where(folds == 2, 1.0, 0.0)
    with pytest.raises(ModelError, match="a training fold lacks a fixed column"):
        from_sums(frame, y, folds)
