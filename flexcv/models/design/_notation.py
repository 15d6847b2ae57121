"""lme4's notation for random effects, read without Python's grammar.

Names are taken as they stand between the signs, so ``yield`` and names with blanks
are columns like any other; a name that contains a sign goes between backticks.
"""

from __future__ import annotations

from typing import NamedTuple

SIGNS = "+:/*|~"


class Bar(NamedTuple):
    """One ``(effects | group)``, in the order of RandomTerm's fields."""

    group: str | tuple[str, ...]
    slopes: tuple[str, ...]
    intercept: bool
    correlated: bool


def read_bars(text: str) -> tuple[Bar, ...]:
    """Read ``(1 + x | g) + (0 + z || a/b)`` into its terms.

    Examples
    --------
    >>> read_bars("(days | subject)")
    (Bar(group='subject', slopes=('days',), intercept=True, correlated=True),)
    """
    terms = [term.strip() for term in split_outside(text, "+")]
    bars = [bar for term in terms for bar in _read_term(term, text)]
    if not bars:
        raise ValueError(
            f"`random` must hold at least one '(effects | group)', got {text!r}."
        )
    return tuple(bars)


def split_formula(formula: str) -> tuple[str, str]:
    """Split a formula into its fixed part and its random part, without the response.

    Examples
    --------
    >>> split_formula("Reaction ~ Days + (Days | Subject)")
    ('Days', '(Days | Subject)')
    >>> split_formula("recipe * temperature")
    ('recipe * temperature', '')
    """
    body = split_outside(formula, "~")[-1]
    terms = [term.strip() for term in split_outside(body, "+")]
    random = [term for term in terms if _is_bar(term)]
    fixed = [term for term in terms if not _is_bar(term)]
    return " + ".join(fixed) or "1", " + ".join(random)


def split_outside(text: str, sign: str) -> list[str]:
    """Split at a sign where it stands outside brackets and backticks."""
    parts, depth, quoted, start = [], 0, False, 0
    for position, letter in enumerate(text):
        if letter == "`":
            quoted = not quoted
        elif not quoted:
            depth += (letter in "([") - (letter in ")]")
            if letter == sign and depth == 0:
                parts.append(text[start:position])
                start = position + 1
    if depth or quoted:
        raise ValueError(
            f"brackets and backticks must close, got {text!r}; add the missing one."
        )
    return [*parts, text[start:]]


def _is_bar(term: str) -> bool:
    return (
        term.startswith("(")
        and term.endswith(")")
        and len(split_outside(term[1:-1], "|")) > 1
    )


def _read_term(term: str, whole: str) -> list[Bar]:
    if not _is_bar(term):
        raise ValueError(
            f"each random term must read '(effects | group)', got {term!r} in "
            f"{whole!r}; write for example '(1 + days | subject)'."
        )
    parts = split_outside(term[1:-1], "|")
    correlated = len(parts) == 2
    if not correlated and not (len(parts) == 3 and not parts[1].strip()):
        raise ValueError(f"a term has one '|' or one '||', got {term!r}.")
    intercept, slopes = _read_effects(parts[0], term)
    groups = _read_groups(parts[-1], term)
    return [Bar(group, slopes, intercept, correlated) for group in groups]


def _read_effects(text: str, term: str) -> tuple[bool, tuple[str, ...]]:
    intercept, slopes = True, []
    for raw in split_outside(text.replace("-1", "+0").replace("- 1", "+0"), "+"):
        effect = raw.strip()
        if effect in ("0", "1"):
            intercept = effect == "1"
        elif effect:
            slopes.extend(_expand_product(effect))
    if not intercept and not slopes:
        raise ValueError(
            f"a random term needs an effect on the left of '|', got {term!r}; "
            "write '1' for an intercept."
        )
    return intercept, tuple(dict.fromkeys(slopes))


def _expand_product(effect: str) -> list[str]:
    """Give ``a*b`` as a, b and a:b; anything else as it is."""
    if "(" in effect:
        return [effect.replace("^", "**")]
    factors = [_bare(factor) for factor in split_outside(effect, "*")]
    if len(factors) == 2:
        return [*factors, ":".join(factors)]
    if len(factors) > 2:
        raise ValueError(
            f"a product of random effects has two factors, got {effect!r}; "
            "write out the terms you want."
        )
    return factors


def _read_groups(text: str, term: str) -> list[str | tuple[str, ...]]:
    """Give one group, or for ``a/b`` the groups a and a:b."""
    nested = [
        tuple(_bare(name) for name in split_outside(level, ":"))
        for level in split_outside(text, "/")
    ]
    if any(not name for level in nested for name in level):
        raise ValueError(
            f"a random term needs a group on the right of '|', got {term!r}."
        )
    groups: list[str | tuple[str, ...]] = []
    path: tuple[str, ...] = ()
    for level in nested:
        path = path + level
        groups.append(path[0] if len(path) == 1 else path)
    return groups


def _bare(name: str) -> str:
    stripped = name.strip()
    quoted = len(stripped) > 1 and stripped[0] == stripped[-1] == "`"
    return stripped[1:-1] if quoted else stripped
