"""Random-effects terms: what varies from group to group, as a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from ._expansion import expanded
from ._notation import read_bars, term_text
from ._tokens import written_name
from ._tree import Name, names_in, tree_of

ColumnName: TypeAlias = str | int
RandomSpecification: TypeAlias = "str | RandomTerm | Sequence[RandomTerm]"


@dataclass(frozen=True, slots=True)
class RandomTerm:
    """Name what varies from group to group: ``(1 + days | subject)`` as a record.

    Parameters
    ----------
    group
        The grouping column; a tuple of columns is their interaction ``a:b``.
    slopes
        Columns whose effect varies between the levels of `group`. A name that is no
        column of the table is read as a formula term, such as ``"I(days^2)"``.
    intercept
        Whether the level itself varies.
    correlated
        Whether the effects of one level may be correlated (``|``) or not (``||``).

    Examples
    --------
    >>> print(RandomTerm("subject", slopes=("days",)))
    (1 + days | subject)
    >>> print(RandomTerm(("batch", "cask")))
    (1 | batch:cask)
    """

    group: ColumnName | tuple[ColumnName, ...]
    slopes: tuple[ColumnName, ...] = ()
    intercept: bool = True
    correlated: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "group", _as_group(self.group))
        object.__setattr__(self, "slopes", _as_names(self.slopes))
        for name in ("intercept", "correlated"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(
                    f"`{name}` must be True or False, got {getattr(self, name)!r}."
                )
        if not self.intercept and not self.slopes:
            raise ValueError(
                f"a random term needs an intercept or a slope, got neither for "
                f"group {self.group!r}; pass `slopes` or leave `intercept=True`."
            )
        if len(set(self.slopes)) < len(self.slopes):
            raise ValueError(
                f"each slope of a term is named once, got {self.slopes!r}; "
                "remove the repeated name."
            )

    @property
    def columns(self) -> tuple[ColumnName, ...]:
        """The grouping columns, one unless the group is an interaction."""
        return self.group if isinstance(self.group, tuple) else (self.group,)

    @property
    def group_name(self) -> str:
        """The group as one word, ``a:b`` for an interaction."""
        return ":".join(str(column) for column in self.columns)

    def __str__(self) -> str:
        parts = ["1" if self.intercept else "0", *map(_written, self.slopes)]
        bar = "|" if self.correlated else "||"
        group = ":".join(written_name(str(column)) for column in self.columns)
        return f"({' + '.join(parts)} {bar} {group})"


def random_terms(
    groups: ColumnName | Sequence[ColumnName] | None = None,
    slopes: ColumnName | Sequence[ColumnName] | None = (),
    random: RandomSpecification | None = None,
) -> tuple[RandomTerm, ...]:
    """Return the random terms that an estimator's arguments name.

    Parameters
    ----------
    groups, slopes
        The short form: one grouping column and its slopes. Several grouping columns
        are several factors, and the slopes go to the first.
    random
        The long form: lme4's notation, one term, or several.

    Examples
    --------
    >>> for term in random_terms(random="(1 | field/plot) + (0 + x || year)"):
    ...     print(term)
    (1 | field)
    (1 | field:plot)
    (0 + x || year)
    >>> random_terms("subject", "days") == random_terms(random="(days | subject)")
    True
    """
    slopes = () if slopes is None else slopes
    if random is not None:
        if groups is not None or len(_as_names(slopes)):
            raise ValueError(
                "pass either `groups` and `slopes` or `random`, got both; "
                "`random` names its own groups."
            )
        return _long_form(random)
    names = _as_names(() if groups is None else groups)
    if not names:
        if len(_as_names(slopes)):
            raise ValueError(
                f"`slopes` {slopes!r} vary between groups, but `groups` is None; "
                "name the grouping column in `groups`."
            )
        return ()
    first = RandomTerm(names[0], _as_names(slopes))
    return (first, *(RandomTerm(name) for name in names[1:]))


def merged(terms: Sequence[RandomTerm]) -> tuple[tuple[RandomTerm, ...], ...]:
    """Gather the terms that share a grouping factor, in order of appearance."""
    by_group: dict[tuple[ColumnName, ...], list[RandomTerm]] = {}
    for term in terms:
        by_group.setdefault(term.columns, []).append(term)
    return tuple(tuple(same) for same in by_group.values())


def uncorrelated_parts(term: RandomTerm) -> tuple[RandomTerm, ...]:
    """Split an ``||`` term into one term per effect, as lme4 does.

    Examples
    --------
    >>> for part in uncorrelated_parts(RandomTerm("g", ("x",), correlated=False)):
    ...     print(part)
    (1 | g)
    (0 + x | g)
    """
    if term.correlated:
        return (term,)
    whole = replace(term, correlated=True)
    head = (replace(whole, slopes=()),) if term.intercept else ()
    tail = (replace(whole, slopes=(name,), intercept=False) for name in term.slopes)
    return (*head, *tail)


def _long_form(random: RandomSpecification) -> tuple[RandomTerm, ...]:
    if isinstance(random, str):
        return tuple(RandomTerm(*bar) for bar in read_bars(random))
    terms = (random,) if isinstance(random, RandomTerm) else tuple(random)
    if not terms or not all(isinstance(term, RandomTerm) for term in terms):
        raise TypeError(
            "`random` must be text such as '(1 + days | subject)', a RandomTerm or "
            f"a sequence of them, got {random!r}."
        )
    return terms


def names_of_term(slope: ColumnName) -> set[str]:
    """Return the names in a slope that is written as a term, such as ``I(days^2)``."""
    try:
        return names_in(tree_of(str(slope))) or set()
    except ValueError:  # no formula: a column whose name has signs
        return set()


def _written(slope: ColumnName) -> str:
    """Write a slope: a product or a function as it is, a column as a formula must."""
    text = str(slope)
    try:
        terms = expanded(tree_of(text)).products
    except ValueError:  # no formula: a column whose name has signs
        return written_name(text)
    is_term = terms != ((Name(text),),) and [term_text(t) for t in terms] == [text]
    return text if is_term else written_name(text)


def _as_group(group: object) -> ColumnName | tuple[ColumnName, ...]:
    names = _as_names(group)
    if not names:
        raise ValueError(f"a random term needs a grouping column, got {group!r}.")
    return names[0] if len(names) == 1 else names


def _as_names(names: object) -> tuple[ColumnName, ...]:
    """Return one name or many as a tuple; text is one name."""
    if isinstance(names, (str, int)):
        return (names,)
    if not isinstance(names, Sequence) and not hasattr(names, "tolist"):
        raise TypeError(
            f"column names must be a name or a sequence of names, got {names!r}."
        )
    listed: tuple[ColumnName, ...] = tuple(names)  # type: ignore[arg-type]
    odd = [name for name in listed if not isinstance(name, (str, int))]
    if odd:
        raise TypeError(f"column names must be strings, got {odd[0]!r}.")
    return listed
