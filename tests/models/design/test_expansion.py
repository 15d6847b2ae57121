"""Operators of formulas are expanded as R does."""

import pytest

from flexcv.models.design._expansion import expanded
from flexcv.models.design._notation import term_text
from flexcv.models.design._tree import tree_of


@pytest.mark.parametrize(
    ("formula", "terms", "intercept"),
    [
        ("x*(f+h)^2 - x:f", "x f h f:h x:h x:f:h", None),
        ("(f + h)/x", "f h f:h:x", None),
        ("f/(x + h)", "f f:x f:h", None),
        ("f %in% h", "f:h", None),
        ("0 + x + 1", "x", True),
        ("x*(h - 1)", "x h x:h", False),
        ("x^2", "x", None),
        ("a:b + b:a + a", "a a:b", None),
        ("x + -1", "x", False),
    ],
)
def test_terms_are_expanded_as_r_does(formula, terms, intercept) -> None:
    found = expanded(tree_of(formula))
    assert " ".join(term_text(term) for term in found.products) == terms
    assert found.intercept is intercept
