"""From rows to sums."""

import numpy as np
import pandas as pd
import pytest

from flexcv.models.design import accumulate
from flexcv.models.design._effects import Columns
from flexcv.models.design.accumulate import Table, fixed_basis, raw_sums
from flexcv.models.design.columns import learn_fixed, learn_random
from flexcv.models.design.terms import RandomTerm
from flexcv.models.gaussian.rows import sums_and_basis


def parts(frame: pd.DataFrame):
    source = Columns(frame)
    _, design = learn_random(source, [RandomTerm("g", ("x",))])
    columns = learn_fixed(frame, leave_out=["g", "y", "w"]).columns(source)
    return columns, design, source.ones


def frame_of(n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"x": rng.normal(3.0, 1.0, n), "g": rng.integers(0, 7, n)})
    return frame.assign(y=frame["x"] + rng.normal(size=n), w=rng.integers(1, 4, n))


def test_whole_weights_are_repeated_rows() -> None:
    frame = frame_of()
    repeated = frame.loc[frame.index.repeat(frame["w"])].reset_index(drop=True)
    made = []
    for data, weights in ((frame, frame["w"].to_numpy(float)), (repeated, None)):
        columns, design, ones = parts(data)
        table = Table(columns, design, data["y"].to_numpy(), weights, ones)
        fixed_basis(table)
        made.append(raw_sums(table, design.factors[0].codes, 7, table.random[0]))
    np.testing.assert_allclose(made[0].levels, made[1].levels, atol=1e-10)
    np.testing.assert_allclose(made[0].gram, made[1].gram, atol=1e-10)


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = frame_of(500)
    columns, design, ones = parts(frame)
    whole, basis = sums_and_basis(columns, design, frame["y"].to_numpy(), None, ones)
    monkeypatch.setattr(accumulate, "CHUNK_ROWS", 64)
    monkeypatch.setattr(accumulate, "CHUNK_CELLS", 64)
    cut, other = sums_and_basis(columns, design, frame["y"].to_numpy(), None, ones)
    np.testing.assert_allclose(cut.cross, whole.cross, atol=1e-10)
    np.testing.assert_allclose(cut.gram, whole.gram, atol=1e-10)
    np.testing.assert_allclose(other.fixed, basis.fixed)


def test_a_column_that_is_nearly_another_is_kept_when_it_adds_something() -> None:
    """lme4 drops a column of which others leave less than 1e-7."""
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=200), rng.normal(size=200)
    for size, kept in ((1e-5, 3), (1e-9, 2)):
        frame = pd.DataFrame({"x": x, "twin": x + size * noise})
        source = Columns(frame)
        columns = learn_fixed(frame).columns(source)
        _, design = learn_random(source, [])
        _, basis = sums_and_basis(columns, design, noise, None, source.ones)
        assert len(basis.kept) == kept


def test_a_far_origin_costs_no_digits() -> None:
    """Time stamps: 1.6e9 seconds give and take a day."""
    frame = frame_of(400)
    far = frame.assign(x=1.6e9 + 86400.0 * frame["x"])
    values = []
    for data in (frame, far):
        columns, design, ones = parts(data)
        sums, _ = sums_and_basis(columns, design, data["y"].to_numpy(), None, ones)
        values.append(sums.cross)
    np.testing.assert_allclose(values[0], values[1], atol=1e-6)
