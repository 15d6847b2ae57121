"""What a fit remembers of its rows."""

from __future__ import annotations

import numpy as np
import pytest

from flexcv.models.design.fingerprint import fingerprint


def of(y, columns, weights=None, offset=None):
    names = [f"c{id(column)}" for column in columns]
    return fingerprint("normal", y, weights, offset, names, columns)


@pytest.mark.parametrize("n_rows", [2, 7, 180, 5000])
def test_no_weights_are_ones_and_no_offset_is_zeros(n_rows: int) -> None:
    y = np.random.default_rng(0).normal(size=n_rows)
    plain, written = of(y, []), of(y, [], np.ones(n_rows), np.zeros(n_rows))
    assert plain.differs_in(written) == written.differs_in(plain) == ""


@pytest.mark.parametrize("n_rows", [10, 5000, 100_000])
def test_two_rows_that_change_places_are_noticed(n_rows: int) -> None:
    y = np.random.default_rng(1).normal(size=n_rows)
    swapped = y.copy()
    swapped[[n_rows // 3, n_rows - 1]] = y[[n_rows - 1, n_rows // 3]]
    assert of(y, []).differs_in(of(swapped, [])) == "target"


@pytest.mark.parametrize("n_rows", [60, 5000, 100_000])
def test_combinations_are_within_and_others_are_not(n_rows: int) -> None:
    rng = np.random.default_rng(2)
    x, z, f = rng.normal(size=(3, n_rows))
    block = np.repeat(np.arange(n_rows // 20), 20).astype(float)  # constant in runs
    large = of(x, [x, z, block])
    assert large.spans(of(x, [2.0 * x - 3.0 * z, block + x]))
    assert not large.spans(of(x, [x, f]))
    assert not of(x, [x, z]).spans(of(x, [block]))
