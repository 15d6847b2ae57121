"""YAML read as data: safe tags only, each name once, nothing that grows or goes deep.

Names at every depth are given once. An alias is counted by what it stands for before
anything is built, so a file of ten lines cannot fill the memory. Messages repeat at
most the first words of what a file says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from yaml.constructor import ConstructorError
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    ScalarEvent,
)
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

LARGEST = 10_000  # values, each alias counted as what it stands for
DEEPEST = 50  # mappings and lists inside each other
LONGEST = 80  # characters of a file that one message repeats at a place

_FLOAT = re.compile(
    r"^[-+]?(?:[0-9][0-9_]*(?:\.[0-9_]*)?|\.[0-9_]+)[eE][-+]?[0-9]+$"
)  # YAML 1.1 reads 1e-4 as text
_TAGS = "the tags are !Int, !Float and !Cat."


class _Loader(yaml.SafeLoader):
    """The safe loader with `!Int`, `!Float` and `!Cat`."""


@dataclass(slots=True)
class _Open:
    """A mapping or list that is being read."""

    anchor: str | None
    size: int = 1


def load(text: str, source: str) -> Any:
    """Read one YAML document.

    Parameters
    ----------
    text
        The document.
    source
        Named in error messages.

    Raises
    ------
    ValueError
        When it is not valid, gives a name twice, or is too large or too deep.

    Examples
    --------
    >>> load("alpha: !Float [0.1, 1.0]", "a text")
    {'alpha': FloatDistribution(high=1.0, log=False, low=0.1, step=None)}
    """
    source = shortened(source, LONGEST)
    try:
        _refuse_growth(text, source)
        return _loaded(text, source)
    except yaml.YAMLError as error:
        # Not chained: what the parser says may repeat any length of the text.
        raise ValueError(
            f"`{source}` is not valid YAML{_place(error)}: {_problem(error)}; {_TAGS}"
        ) from None


def shortened(text: object, longest: int = LONGEST) -> str:
    """Cut a text that came from a file for a message.

    Examples
    --------
    >>> shortened("a" * 100, 10)
    'aaaaaaa...'
    """
    words = " ".join(str(text).split())
    return words if len(words) <= longest else f"{words[: longest - 3]}..."


def _loaded(text: str, source: str) -> Any:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        for mapping in _mappings(node):
            _refuse_repeats(mapping, loader, source)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def _refuse_growth(text: str, source: str) -> None:
    """Count what a document would become, without building any of it."""
    sizes: dict[str, int] = {}
    opened = [_Open(None, 0)]
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, CollectionStartEvent):
            opened.append(_Open(event.anchor))
            if len(opened) - 1 > DEEPEST:
                raise ValueError(
                    f"`{source}`, line {line}: mappings and lists lie more than "
                    f"{DEEPEST} deep inside each other; write it flatter."
                )
            continue
        size = _size(event, opened, sizes, f"`{source}`, line {line}")
        opened[-1].size += size
        if opened[-1].size > LARGEST:
            raise ValueError(
                f"`{source}`, line {line}: it would become more than {LARGEST:,} "
                "values, with each alias written out; make it shorter."
            )


def _size(event: Any, opened: list[_Open], sizes: dict[str, int], where: str) -> int:
    """Count the values that an event adds to what it stands in."""
    if isinstance(event, AliasEvent):
        if any(each.anchor == event.anchor for each in opened):
            raise ValueError(
                f"{where}: the alias *{shortened(event.anchor)} stands inside what it "
                "stands for; write that part out."
            )
        return sizes.get(str(event.anchor), 1)
    if isinstance(event, CollectionEndEvent):
        done = opened.pop()
        anchor, size = done.anchor, done.size
    elif isinstance(event, ScalarEvent):
        anchor, size = event.anchor, 1
    else:
        return 0
    if anchor is not None:
        sizes[anchor] = size
    return size


def _mappings(root: Node) -> Iterator[MappingNode]:
    """Yield all mappings of a document, each once."""
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, MappingNode):
            yield node
            waiting += [part for pair in node.value for part in pair]
        elif isinstance(node, SequenceNode):
            waiting += node.value


def _refuse_repeats(mapping: MappingNode, loader: _Loader, source: str) -> None:
    """Refuse a name that a mapping gives twice; only one would be kept."""
    lines: dict[Any, int] = {}
    for key, _ in mapping.value:
        if not isinstance(key, ScalarNode):
            continue
        line = key.start_mark.line + 1
        for name in _names(key, loader):
            if name in lines:
                raise ValueError(
                    f"`{source}`: the name {shortened(key.value)!r} is given twice, on "
                    f"line {lines[name]} and on line {line}; keep one of them."
                )
        lines |= dict.fromkeys(_names(key, loader), line)


def _names(key: ScalarNode, loader: _Loader) -> tuple[Any, ...]:
    """Return a name as it is written and as it is read: `1` and `0x1` are one."""
    if key.tag == "tag:yaml.org,2002:merge":
        return (("written", key.value),)
    read = loader.construct_object(key, deep=True)
    return ("written", key.value), ("read", read)


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return "" if mark is None else f", line {mark.line + 1}"


def _problem(error: yaml.YAMLError) -> str:
    said = (getattr(error, "context", None), getattr(error, "problem", None))
    words = ", ".join(part for part in said if part) or "a sign that YAML does not know"
    return shortened(words, 2 * LONGEST)


def _distribution(make: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """Build the constructor of a tag from a mapping or a list of arguments."""

    def construct(loader: Any, node: Any) -> Any:
        where = f"line {node.start_mark.line + 1}: {node.tag}"
        try:
            if isinstance(node, MappingNode):
                return make(**loader.construct_mapping(node, deep=True))
            return make(*_arguments(loader, node, make))
        except TypeError:
            raise ValueError(
                f"{where} needs bounds such as [1, 10] or {{low: 1, high: 10}}, and "
                "!Cat a list of choices."
            ) from None
        except ConstructorError:
            raise
        except ValueError as error:
            raise ValueError(f"{where} {shortened(error, 2 * LONGEST)}") from None

    return construct


def _arguments(loader: Any, node: Any, make: Callable[..., Any]) -> list[Any]:
    if not isinstance(node, SequenceNode):
        raise ValueError("needs a list such as [1, 10] or a mapping {low: 1, high: 10}")
    values = loader.construct_sequence(node, deep=True)
    return [values] if make is CategoricalDistribution else values


_Loader.add_constructor("!Int", _distribution(IntDistribution))
_Loader.add_constructor("!Float", _distribution(FloatDistribution))
_Loader.add_constructor("!Cat", _distribution(CategoricalDistribution))
_Loader.add_constructor("!Categorical", _distribution(CategoricalDistribution))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))
