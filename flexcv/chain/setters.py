"""How the builder's methods behave: chained, forgiving of order, strict on names."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from flexcv._checks import near_miss
from flexcv._migration import GONE_ARGUMENTS, instead_of

P = ParamSpec("P")


class Remembers(Protocol):
    """A builder that remembers what each setter was passed."""

    _passed: dict[str, dict[str, Any]]


B = TypeVar("B", bound=Remembers)


def chained(
    method: Callable[Concatenate[B, P], None],
) -> Callable[Concatenate[B, P], B]:
    """Make a method return the builder and refuse unknown keywords."""
    signature = _signature(method)

    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_unknown(method.__name__, signature, kwargs)
        method(self, *args, **kwargs)
        return self

    return cast("Callable[Concatenate[B, P], B]", call)


def setter(
    method: Callable[Concatenate[B, P], None],
) -> Callable[Concatenate[B, P], B]:
    """Make a setter that, called again, changes only what is passed.

    The method itself always receives all that was ever passed; an iterator is read
    once and kept as a list. A new `X` forgets everything: what belonged to the rows
    of the old one does not belong to its own.
    """
    signature = _signature(method)

    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_unknown(method.__name__, signature, kwargs)
        passed = dict(signature.bind_partial(self, *args, **kwargs).arguments)
        passed.pop("self")
        kept = {
            name: list(value) if isinstance(value, Iterator) else value
            for name, value in passed.items()
        }
        earlier = self._passed.get(method.__name__, {})
        before = {} if "X" in kept else earlier
        merged = self._passed[method.__name__] = {**before, **kept}
        try:
            cast("Callable[..., None]", method)(self, **merged)
        except BaseException:
            self._passed[method.__name__] = earlier
            raise
        return self

    return cast("Callable[Concatenate[B, P], B]", call)


def _signature(method: Callable[..., None]) -> inspect.Signature:
    """Return what a method takes, and let tooltips say that the builder comes back."""
    method.__annotations__["return"] = "Self"
    return inspect.signature(method)


def _refuse_unknown(
    name: str, signature: inspect.Signature, given: Mapping[str, Any]
) -> None:
    known = [parameter for parameter in signature.parameters if parameter != "self"]
    for keyword in given:
        if keyword not in known:
            hint = instead_of(keyword, GONE_ARGUMENTS) or near_miss(keyword, known)
            hint = hint or f"; it takes {', '.join(known)}."
            raise TypeError(f"{name} has no argument {keyword!r}{hint}")
