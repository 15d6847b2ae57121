"""Answers that are asked for again: computed once, kept with the results."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

import pandas as pd


class Keeps(Protocol):
    """What has a place for answers; its data never change."""

    _kept: dict[Any, pd.DataFrame]


K = TypeVar("K", bound=Keeps)
P = ParamSpec("P")
F = TypeVar("F", bound=pd.DataFrame)


def kept(method: Callable[Concatenate[K, P], F]) -> Callable[Concatenate[K, P], F]:
    """Let a method give a copy of its first answer to the same arguments.

    Arguments that cannot be compared, such as a list, are answered anew.
    """

    @functools.wraps(method)
    def answered(self: K, *args: P.args, **kwargs: P.kwargs) -> F:
        key = (method.__name__, args, tuple(sorted(kwargs.items())))
        try:
            known: Any = self._kept.get(key)
        except TypeError:
            return method(self, *args, **kwargs)
        if known is None:
            known = self._kept[key] = method(self, *args, **kwargs)
        frame: F = type(known)(known)  # data are copied when somebody writes
        return frame

    return cast("Callable[Concatenate[K, P], F]", answered)
