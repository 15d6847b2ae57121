"""Tables and formulas that ask for trouble: what flexcv refuses, what lme4 refuses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from benchmarks._lme4_draws import Case, case_of

FIRST_ODD = 1_000_000  # seeds from here on draw these

Change = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


def any_case_of(seed: int) -> Case:
    """Draw an ordinary case, or an odd one for a seed from `FIRST_ODD` on."""
    if seed < FIRST_ODD:
        return case_of(seed)
    usual = replace(case_of(seed), weights=None, offset=None)
    formula, change = ODD[(seed - FIRST_ODD) % len(ODD)]
    rng = np.random.default_rng(seed)
    new = usual.new.assign(again=usual.new["g"], logs=1.0, ws=1.0)
    table = usual.table.assign(again=usual.table["g"], logs=1.0, ws=usual.table["w"])
    weights = "ws" if change in (_weight_of_zero, _negative_weight) else None
    return replace(
        usual, table=change(table, rng), new=new, formula=formula, weights=weights
    )


def _as_it_is(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    return table


def _one_row_a_group(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    return table.assign(g=np.arange(len(table)))


def _one_group(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    return table.assign(g=1)


def _two_groups(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    return table.assign(g=1 + np.arange(len(table)) % 2)


def _constant(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    return table.assign(k=3)


def _zero(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    return table.assign(k=0)


def _exact_line(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    return table.assign(y=2.0 + 3.0 * table["x"])


def _exact_groups(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    return table.assign(y=np.sin(table["g"] * 1.0))


def _constant_target(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    return table.assign(y=4.0)


def _few_rows(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    return table.iloc[:9].assign(g=np.arange(9) % 3)


def _gap_in_x(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    return table.assign(x=table["x"].mask(np.arange(len(table)) == 3))


def _gap_in_g(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    return table.assign(g=table["g"].mask(np.arange(len(table)) == 3))


def _gap_in_y(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    return table.assign(y=table["y"].mask(np.arange(len(table)) == 3))


def _negative_logs(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return table.assign(logs=rng.normal(size=len(table)))


def _weight_of_zero(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    return table.assign(ws=table["w"].where(np.arange(len(table)) != 3, 0.0))


def _negative_weight(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    return table.assign(ws=table["w"].where(np.arange(len(table)) != 3, -1.0))


def _relabelled(table: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    return table.assign(again=1000 - table["g"])


def _high_mean(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    spread = table["y"] / table["y"].std()
    high = 10.0 ** rng.integers(2, 6)
    return table.assign(y=high + spread - spread.mean())


def _small_residual(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    effects = rng.normal(size=table["g"].max() + 1)[table["g"]]
    size = 10.0 ** -rng.integers(1, 6)
    return table.assign(y=effects + size * rng.normal(size=len(table)))


def _no_effects(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    return table.assign(y=rng.normal(size=len(table)))


ODD: tuple[tuple[str, Change], ...] = (
    ("y ~ x + (1 | g)", _one_row_a_group),
    ("y ~ x + (1 | g)", _one_group),
    ("y ~ x + (1 | g)", _two_groups),
    ("y ~ x + (x | g)", _two_groups),
    ("y ~ x + (k | g)", _constant),
    ("y ~ x + (0 + k | g)", _constant),
    ("y ~ x + (k || g)", _zero),
    ("y ~ x + k + (1 | g)", _zero),
    ("y ~ f + (1 | f)", _as_it_is),
    ("y ~ f + (1 | g) + (1 | g:f)", _as_it_is),
    ("y ~ x + (1 | g)", _exact_line),
    ("y ~ x + (1 | g)", _exact_groups),
    ("y ~ x + (1 | g)", _constant_target),
    ("y ~ x + (1 | g) + (1 | g)", _as_it_is),
    ("y ~ x + (x | g) + (0 + x | g)", _as_it_is),
    ("y ~ x + (1 | g) + (x | g)", _as_it_is),
    ("y ~ (x + z + u)^2 + f * o + (1 | g)", _few_rows),
    ("y ~ x + (x + z + u | g)", _few_rows),
    ("y ~ x + (1 | g)", _gap_in_x),
    ("y ~ x + (1 | g)", _gap_in_g),
    ("y ~ x + (1 | g)", _gap_in_y),
    ("y ~ log(logs) + (1 | g)", _negative_logs),
    ("y ~ x + (1 | g)", _weight_of_zero),
    ("y ~ x + (1 | g)", _negative_weight),
    ("y ~ x + (1 | g) + (1 | again)", _relabelled),
    ("y ~ x + missing + (1 | g)", _as_it_is),
    ("y ~ x + (1 | missing)", _as_it_is),
    ("y ~ x + z", _as_it_is),
    ("y ~ x + (1 | g", _as_it_is),
    ("y ~ x + (1 | g | s)", _as_it_is),
    ("y ~ 0 + (1 | g)", _no_effects),
    ("y ~ 0 + x + (1 | g)", _high_mean),
    ("y ~ 0 + x + (x | g)", _high_mean),
    ("y ~ 0 + x + (x || g) + (1 | s)", _high_mean),
    ("y ~ 0 + z + (1 | g/n)", _high_mean),
    ("y ~ x + (1 | g)", _small_residual),
    ("y ~ x + (x | g)", _small_residual),
    ("y ~ x + (1 | g) + (1 | s)", _small_residual),
    ("y ~ x + (x + z | g)", _no_effects),
    ("y ~ x + (f | g)", _no_effects),
    ("y ~ x + (0 + r | g)", _as_it_is),
    ("y ~ x + (r || g)", _as_it_is),
    ("y ~ r * f + (1 | g)", _as_it_is),
    ("y ~ x + (1 | g:f:h)", _as_it_is),
    ("y ~ x + (I(x^2) - 1 | g) + (1 | s)", _as_it_is),
)
