"""What rows have in common."""

import numpy as np
import pandas as pd
import pytest

from flexcv.preflight.rows import identical_rows, tiny_groups

from .setups import findings, setup_of

RNG = np.random.default_rng(8)


def answers(rows, columns, levels):
    table = RNG.integers(0, levels, size=(rows, columns))
    return {f"q{k}": table[:, k] for k in range(columns)}, RNG.integers(0, levels, rows)


def doubled(columns, y):
    return {name: np.tile(v, 2) for name, v in columns.items()}, np.tile(y, 2)


@pytest.mark.parametrize(("columns", "levels"), [(3, 2), (2, 5), (1, 3)])
def test_equal_rows_of_a_table_of_few_different_ones_are_no_news(columns, levels):
    features, y = answers(200, columns, levels)
    assert not findings(identical_rows, setup_of(y.astype(float), features))


def test_copies_are_named_with_what_chance_gives():
    features, y = doubled(*answers(100, 8, 5))
    (level, text), *others = findings(
        identical_rows, setup_of(y.astype(float), features)
    )
    assert (level, others) == ("warn", [])
    assert "equal in every column and the target, where chance gives 0%" in text


def test_copies_of_continuous_rows_are_named():
    x = RNG.normal(size=60)
    features, y = doubled({"x": x, "z": x**2}, x + 1)
    assert [level for level, _ in findings(identical_rows, setup_of(y, features))] == [
        "warn"
    ]


def test_columns_that_hang_together_make_equal_rows_likelier():
    site = RNG.integers(0, 12, size=300)
    of_site = {f"s{k}": RNG.normal(size=12)[site] for k in range(5)}
    y = RNG.integers(0, 5, size=300).astype(float)
    assert not findings(identical_rows, setup_of(y, {"site": site, **of_site}))


def test_groups_of_one_row_each_warn_whatever_the_model():
    single = pd.Series(np.arange(30), name="g")
    found = findings(tiny_groups, setup_of(np.arange(30.0), groups=single))
    assert [level for level, _ in found] == ["warn"]
    half = pd.Series(np.append(np.arange(20), np.repeat(20, 10)), name="g")
    found = findings(tiny_groups, setup_of(np.arange(30.0), groups=half))
    assert [level for level, _ in found] == ["note"]
