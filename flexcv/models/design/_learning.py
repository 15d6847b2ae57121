"""From terms to effects: each factor of a term learns on the training table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from formulaic.transforms.contrasts import Contrasts, CustomContrasts, PolyContrasts

from flexcv.models.design.validate import is_categorical

from ._effects import Category, Columns, Constant, Effect, Numeric, Product
from ._expansion import FULL, TREATMENT, Term, codings, expanded
from ._expressions import (
    Expression,
    evaluated,
    learn_expression,
    python_code,
    require_named,
)
from ._functions import CATEGORIES, OFFSET, ORDERED
from ._levels import category_levels, level_text
from ._notation import read_formula
from ._tokens import Token
from ._tree import Atom, Call, Name, tree_of

FUNCTION_TERM = "the model"


@dataclass(frozen=True, slots=True)
class FixedEffects:
    """The effects of a fixed part, and what its ``offset()`` terms add."""

    effects: tuple[Effect, ...]
    offsets: tuple[Effect, ...] = ()


def learn_formula(formula: str, source: Columns, rest: Sequence[Any]) -> FixedEffects:
    """Learn the fixed part of a formula on the training table.

    Parameters
    ----------
    formula
        With or without a target and random terms, which are left to others.
    source
        The training table.
    rest
        The columns that ``.`` stands for.
    """
    terms = expanded(read_formula(formula).fixed, rest)
    added = [term for term in terms.products if _is_offset(term)]
    kept = [term for term in terms.products if not _is_offset(term)]
    where = f"formula {formula!r}"
    effects = learn_terms(kept, terms.intercept is not False, source, where)
    offsets = (_offset(term, source, where) for term in added)
    return FixedEffects(effects, tuple(offsets))


def learn_slopes(
    slopes: Sequence[Any], intercept: bool, source: Columns
) -> tuple[Effect, ...]:
    """Learn the effects of one random term.

    Parameters
    ----------
    slopes
        Columns by name, and other terms as text.
    intercept
        Whether the level itself has an effect.
    source
        The training table.
    """
    terms = [term for name in slopes for term in _terms_named(name, source)]
    return learn_terms(terms, intercept, source, FUNCTION_TERM)


def learn_terms(
    terms: Sequence[Term], intercept: bool, source: Columns, where: str
) -> tuple[Effect, ...]:
    """Learn terms, categories coded by R's rule."""
    atoms = dict.fromkeys(factor for term in terms for factor in term)
    learnt = {atom: _learn_factor(atom, source, where) for atom in atoms}
    coded = codings(terms, intercept, lambda a: isinstance(learnt[a], Category))
    effects: list[Effect] = [Constant()] if intercept else []
    for term, coding in zip(terms, coded, strict=True):
        parts = [_coded(learnt[f], how) for f, how in zip(term, coding, strict=True)]
        effects.append(parts[0] if len(parts) == 1 else Product(tuple(parts)))
    return tuple(effects)


def _coded(effect: Effect, coding: str) -> Effect:
    if not isinstance(effect, Category):
        return effect
    contrasts = None if coding == TREATMENT else effect.contrasts
    return replace(effect, full=coding == FULL, contrasts=contrasts)


def learn_column(name: Any, source: Columns, *, polynomial: bool) -> Effect:
    """Learn a column as it stands: a number, or a category against its first level.

    Parameters
    ----------
    name
        The column.
    source
        The training table.
    polynomial
        Whether ordered categories are coded by polynomials, as R does.
    """
    require_named(name, source.table, FUNCTION_TERM)
    column = source.table[name]
    if not is_categorical(column):
        return Numeric(name)
    ordered = polynomial and bool(getattr(column.dtype, "ordered", False))
    contrasts = PolyContrasts() if ordered else None
    levels = category_levels(column)
    category = Category(name, levels, False, str(name), contrasts)
    return category.with_shares(source)


def _terms_named(name: Any, source: Columns) -> tuple[Term, ...]:
    if name in source.table.columns or not isinstance(name, str):
        return ((Name(name),),)
    return expanded(tree_of(name)).products


def _is_offset(term: Term) -> bool:
    return len(term) == 1 and isinstance(term[0], Call) and term[0].function == OFFSET


def _offset(term: Term, source: Columns, where: str) -> Expression:
    call = term[0]
    assert isinstance(call, Call)
    return learn_expression(str(call), call.inner, source, where)


def _learn_factor(atom: Atom, source: Columns, where: str) -> Effect:
    if isinstance(atom, Name):
        require_named(atom.column, source.table, where)
        return learn_column(atom.column, source, polynomial=True)
    if atom.function in CATEGORIES:
        return _learn_category(atom, source, where)
    return learn_expression(str(atom), atom.tokens, source, where)


def _learn_category(call: Call, source: Columns, where: str) -> Category:
    """Learn ``C(column)``, ``factor(column)`` or ``ordered(column)``."""
    first, others = _arguments(call)
    given = _settings(others, call, source, where)
    if len(first) == 1 and first[0].kind in ("name", "quoted"):
        name, labels = first[0].text, None
        require_named(name, source.table, where)
        column = source.table[name]
        levels = category_levels(column)
        is_ordered = bool(getattr(column.dtype, "ordered", False))
    else:
        name = str(call)
        labels = learn_expression(f"labels of {call}", first, source, where)
        levels = tuple(sorted(set(labels.columns(source)[0].tolist())))
        is_ordered = False
    if given["levels"] is not None:
        levels = _in_order(given["levels"], levels)
    is_ordered = is_ordered or given["ordered"] or call.function in ORDERED
    contrasts = _contrasts(given["contrasts"], is_ordered, len(levels), call)
    category = Category(name, levels, False, str(call), contrasts, labels)
    return category.with_shares(source)


def _arguments(call: Call) -> tuple[tuple[Token, ...], tuple[Token, ...]]:
    """Return the tokens of the first argument, and those behind its comma."""
    depth = 0
    for place, token in enumerate(call.inner):
        if token.kind == "sign":
            depth += (token.text in "([{") - (token.text in ")]}")
            if depth == 0 and token.text == ",":
                return call.inner[:place], call.inner[place + 1 :]
    return call.inner, ()


def _settings(
    tokens: Sequence[Token], call: Call, source: Columns, where: str
) -> dict[str, Any]:
    bracketed = (Token("sign", "("), *tokens, Token("sign", ")"))
    code = python_code(bracketed, source.table.iloc[:, :0], where)
    try:
        found: dict[str, Any] = evaluated(f"settings{code.python}", {}, {})
    except Exception as error:  # whatever an argument may raise
        raise ValueError(
            f"formula term '{call}' could not be read: {error}; write C(column), or "
            "C(column, Treatment('level'))."
        ) from error
    return found


def _in_order(wanted: Sequence[object], shown: Sequence[object]) -> tuple[object, ...]:
    """Return levels in the order that the formula names, and then those it does not."""
    places = {level_text(level): place for place, level in enumerate(wanted)}
    last = len(places)
    return tuple(sorted(shown, key=lambda level: places.get(level_text(level), last)))


def _contrasts(
    given: Any, ordered: bool, n_levels: int, call: Call
) -> Contrasts | None:
    if given is None:
        return PolyContrasts() if ordered else None
    if isinstance(given, Contrasts):
        return given
    if isinstance(given, type) and issubclass(given, Contrasts):
        return given()
    shape = np.shape(given)
    if len(shape) != 2 or shape[0] != n_levels:
        raise ValueError(
            "contrasts are formulaic's or a matrix with a row per level, got "
            f"{given!r} in '{call}'; write for example Treatment('level')."
        )
    return CustomContrasts(given)
