"""Signatures as tooltips show them: types as they are written, without quotes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

Kind = TypeVar("Kind", bound=type)


class _Written(str):
    """An annotation that is shown as it was written."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def readable(kind: Kind) -> Kind:
    """Let `inspect.signature`, and so every tooltip, show a class's types unquoted.

    Annotations that are not evaluated are texts, which Python quotes. The methods of
    the class's own bases are made readable with it.

    Examples
    --------
    >>> @readable
    ... class Model:
    ...     def fit(self, X: ArrayLike) -> Self: ...
    >>> str(inspect.signature(Model.fit))
    '(self, X: ArrayLike) -> Self'
    """
    package = kind.__module__.partition(".")[0]
    for own in kind.__mro__:
        if own.__module__.partition(".")[0] == package:
            for function in _functions(own):
                said = function.__annotations__
                said.update((n, _written(text)) for n, text in said.items())
    return kind


def _functions(kind: type) -> Iterator[Callable[..., Any]]:
    for member in vars(kind).values():
        plain: Any = member
        for inside in ("fget", "__func__", "fn"):  # of properties, of what is offered
            plain = getattr(plain, inside, None) or plain
        function = inspect.unwrap(plain) if callable(plain) else plain
        if inspect.isfunction(function):
            yield function


def _written(text: Any) -> Any:
    return _Written(text) if isinstance(text, str) else text
