"""Terms of formulas are coded by R's rule."""

import re

import numpy as np
import pytest

from flexcv.models.design._effects import Columns
from flexcv.models.design.columns import learn_fixed, learn_random
from flexcv.models.design.terms import random_terms
from tests.models.design.drawn import table_of


def names_of(formula: str) -> tuple[str, ...]:
    return learn_fixed(table_of(), formula=formula, leave_out=["g"]).names


def random_names(random: str) -> tuple[str, ...]:
    terms = random_terms(random=random)
    return learn_random(Columns(table_of()), terms)[1].factors[0].names


# model.matrix of R 4.2.2, with its names of columns in our spelling.
@pytest.mark.parametrize(
    ("formula", "names"),
    [
        ("x:f", "Intercept x:f[a] x:f[b] x:f[c]"),
        ("x + x:f", "Intercept x x:f[T.b] x:f[T.c]"),
        ("0 + f + h", "f[a] f[b] f[c] h[T.v]"),
        ("h + 0 + x:f", "h[u] h[v] x:f[a] x:f[b] x:f[c]"),
        ("f + f:h", "Intercept f[T.b] f[T.c] f[a]:h[T.v] f[b]:h[T.v] f[c]:h[T.v]"),
        (
            "f:h",
            "Intercept f[a]:h[u] f[b]:h[u] f[c]:h[u] f[a]:h[v] f[b]:h[v] f[c]:h[v]",
        ),
        ("o", "Intercept o[.L] o[.Q]"),
        ("0 + o", "o[l] o[m] o[h]"),
        ("ordered(k)", "Intercept ordered(k)[.L] ordered(k)[.Q]"),
        ("factor(k) - 1", "factor(k)[1] factor(k)[2] factor(k)[3]"),
        ("C(k, contr.sum)", "Intercept C(k, contr.sum)[S.1] C(k, contr.sum)[S.2]"),
    ],
)
def test_the_fixed_part_is_coded_by_rs_rule(formula: str, names: str) -> None:
    assert " ".join(names_of(formula)) == names


@pytest.mark.parametrize(
    ("random", "names"),
    [
        ("(x:f | g)", "Intercept x:f[a] x:f[b] x:f[c]"),
        ("(0 + x:f | g)", "x:f[a] x:f[b] x:f[c]"),
        ("(0 + x + x:f | g)", "x x:f[T.b] x:f[T.c]"),
        ("(x * f | g)", "Intercept x f[T.b] f[T.c] x:f[T.b] x:f[T.c]"),
        ("(x * h || g)", "Intercept x h[u] h[v] x:h[u] x:h[v]"),
        ("(x - 1 + h | g)", "x h[u] h[v]"),
        ("(f/x | g)", "Intercept f[T.b] f[T.c] f[a]:x f[b]:x f[c]:x"),
    ],
)
def test_the_random_part_is_coded_by_the_same_rule(random: str, names: str) -> None:
    assert " ".join(random_names(random)) == names


def test_polynomial_contrasts_are_those_of_r() -> None:
    # contr.poly(3), R 4.2.2
    encoder = learn_fixed(table_of(), formula="o")
    columns = np.array(encoder.columns(Columns(table_of().head(3))))
    root = np.sqrt(0.5)
    np.testing.assert_allclose(columns[1], [-root, 0.0, root], atol=1e-15)
    np.testing.assert_allclose(columns[2] * np.sqrt(6.0), [1.0, -2.0, 1.0], atol=1e-14)


def test_a_point_stands_for_every_feature() -> None:
    assert names_of(". - f - h - o") == ("Intercept", "x", "k")


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("x + ", "formula 'x + ' must have a term behind the last sign;"),
        ("x > 3", "must have a sign between two terms, got '>'; names with signs go"),
        ("2 * x", "a number between the signs of a formula is 0 or 1, got 2;"),
        ("x^k", "a power of terms is a whole number from 1 on, got 'x ^ k';"),
        ("x - ray", "a formula can only take away terms it has, got '- ray';"),
        ("x * (1 | g)", "'(1 | g)' stands where a term should;"),
        ("x - (1 | g)", "a random term is added, got '- (1 | g)';"),
        ("x + 1 | g", "got a bar outside brackets in 'x + 1 | g'"),
        (
            "(1 | g * h)",
            "a group is a column, a:b or a/b, got 'g * h' in '(1 | g * h)'",
        ),
        ("lgo(x)", "formula 'lgo(x)' calls 'lgo', which formulas do not know; did you"),
        ("I(x - mean(x))", "write center(x), which keeps the training's mean."),
        ("cut(x, 3)", "calls 'cut', which formulas do not know; make the column"),
        ("I(x %% 2)", "the sign '%%' inside a function, where it is not read; write"),
        ("I(X2)", "formula 'I(X2)' names column 'X2', which is not in the table; did"),
        ("log(f)", "formula term 'log(f)' could not be calculated:"),
        ("C(f, 'b')", "a matrix with a row per level, got 'b' in 'C(f, 'b')'; write"),
        ("I(k & x > 0)", "put comparisons between & and |, as in (a == 1) & (b > 2)."),
        ("log(x)", "column 'log(x)' must be finite, got missing values;"),
        ("__import__('os')", "calls '__import__', which formulas do not know;"),
        ("np.__dict__(x)", "calls 'np.__dict__', which formulas do not know;"),
    ],
)
def test_what_is_not_read_is_refused_in_one_sentence(formula, message) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        learn_fixed(table_of(), formula=formula)
