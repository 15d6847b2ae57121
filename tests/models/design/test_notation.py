"""Formulas fall into a fixed part and random terms."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flexcv.models.design._notation import read_bars, read_formula
from flexcv.models.design._tree import Name, Sign, tree_of
from tests.models.design.drawn import NAMES, TREES


@given(st.lists(TREES, min_size=1, max_size=3), TREES, NAMES, NAMES)
def test_a_formula_with_bars_is_read_again_as_it_was_written(parts, effects, g, y):
    bar = Sign("||", effects, Name(g))
    tree = Sign("+", parts[0], bar)
    for part in parts[1:]:
        tree = Sign("+", tree, part)
    tree = Sign("~", Name(y), tree)
    assert tree_of(str(tree)) == tree


@pytest.mark.parametrize(
    ("formula", "fixed", "random"),
    [
        ("Reaction ~ Days + (Days | Subject)", "Days", "(1 + Days | Subject)"),
        ("x + (1|g) - 1", "x - 1", "(1 | g)"),
        ("(1|g) - 1", "-1", "(1 | g)"),
        ("x + (((1 | g)) + z)", "x + z", "(1 | g)"),
        ("(0 + I(x - 1) | g)", "1", "(0 + I(x-1) | g)"),
        ("(I(x-10) || g) + x", "x", "(1 + I(x-10) || g)"),
        ("`a + b` + (`c|d` | `(g)`)", "`a + b`", "(1 + `c|d` | `(g)`)"),
        ("(1 | factor(g))", "1", "(1 | g)"),
        ("(1 | a/(b:c))", "1", "(1 | a) + (1 | a:b:c)"),
        ("x + C(f, 'a|b') + (1 | g)", "x + C(f, 'a|b')", "(1 | g)"),
        ("", "1", ""),
    ],
)
def test_a_formula_falls_into_its_parts(formula: str, fixed: str, random: str) -> None:
    parsed = read_formula(formula)
    assert str(parsed.fixed) == fixed
    assert parsed.bars == (read_bars(random) if random else ())
