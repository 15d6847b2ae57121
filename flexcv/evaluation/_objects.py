"""What objects are made of: containers, estimators, records, and all others."""

from __future__ import annotations

import copyreg
import dataclasses
import functools
import io
import logging
import socket
import threading
import types
import weakref
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np
import pandas as pd

from . import _code, _columns
from ._origin import origin_of_module, reference
from ._parts import Parts, atoms, by_name

Describe = Callable[[Any], Parts]
PROTOCOL = 4  # of pickle, in which objects are asked for their state


def described(value: Any) -> Parts:
    """Return what a value is made of; what nobody can say is named, never raised.

    Parameters
    ----------
    value
        Anything.
    """
    try:
        return _described(value)
    except Exception as error:  # noqa: BLE001  a stranger's code may raise anything
        silent = f"{_title(value)}, which does not tell its state"
        return Parts(b"unknown", unknown=f"{silent} ({type(error).__name__})")


def _described(value: Any) -> Parts:
    exact = EXACT.get(type(value))
    if exact is not None:
        return exact(value)
    for cls in type(value).__mro__:
        if cls in KINDS:
            return KINDS[cls](value)
    if _columns.is_sparse(value):
        return _columns.of_sparse(value)
    if _columns.is_tensor(value):
        return _columns.of_tensor(value)
    name = reference(value)
    return _of_object(value) if name is None else Parts(f"named {name}".encode())


def _of_sequence(value: Any) -> Parts:
    kind = type(value).__name__.encode()
    plain = atoms(value)
    if plain is not None:
        return Parts(kind + b" of plain values " + plain)
    steps = [(f"item {place}", entry) for place, entry in enumerate(value)]
    return Parts(kind, tuple(steps))


def _of_dict(value: Mapping[Any, Any]) -> Parts:
    inside: list[tuple[str, Any]] = []
    for key, entry in value.items():
        if isinstance(key, str) and type(key) is str:
            inside.append((f"key {key!r}", entry))
        else:
            inside += [("a key", key), ("the value of a key", entry)]
    return Parts(b"dict", tuple(inside))


def _of_set(value: Any) -> Parts:
    entries = tuple(("an element", entry) for entry in value)
    kind = b"set" if isinstance(value, set) else b"frozenset"
    return Parts(kind, entries, is_ordered=False)


def _of_set_subclass(value: Any) -> Parts:
    plain = set(value) if isinstance(value, set) else frozenset(value)
    state = by_name("attribute", _state(value).items())
    return Parts(b"object", (("class", type(value)), ("elements", plain), *state))


def _of_member(value: Enum) -> Parts:
    inside = (("class", type(value)), ("value", value.value))
    return Parts(f"member {value.name}".encode(), inside)


def _of_path(value: PurePath) -> Parts:
    return Parts(f"path {type(value).__name__} {value!s}".encode())


def _of_logger(value: logging.Logger) -> Parts:
    return Parts(f"logger {value.name}".encode())


def _of_lock(value: Any) -> Parts:
    """Describe a lock: it holds no number, so one is like another."""
    return Parts(f"lock {type(value).__name__}".encode())


def _of_weak_reference(value: Any) -> Parts:
    return Parts(b"weak reference", (("object", value()),))


def _of_weak_dictionary(value: Any) -> Parts:
    pairs = tuple(("an entry", pair) for pair in value.items())
    return Parts(type(value).__name__.encode(), pairs, is_ordered=False)


def _of_ufunc(value: np.ufunc) -> Parts:
    name = value.__name__
    if getattr(np, name, None) is value:
        return Parts(f"ufunc {origin_of_module('numpy')} {name}".encode())
    known = reference(value)
    if known is None:
        return Parts(b"ufunc", unknown=f"the compiled function `{name}` of numpy")
    return Parts(f"ufunc {known}".encode())


def _of_vectorized(value: Any) -> Parts:
    names = ("pyfunc", "otypes", "signature", "excluded", "cache")
    inside = ((f"attribute `{name}`", getattr(value, name)) for name in names)
    return Parts(b"vectorize", tuple(inside))


def _of_field(value: dataclasses.Field[Any]) -> Parts:
    names = ("name", "default", "default_factory", "init", "repr", "hash", "compare")
    inside = [(name, getattr(value, name)) for name in names]
    return Parts(b"field", (*inside, ("metadata", dict(value.metadata))))


def _of_file(value: Any) -> Parts:
    if isinstance(value, io.BytesIO | io.StringIO):
        inside = (("content", value.getvalue()), ("place", value.tell()))
        return Parts(type(value).__name__.encode(), inside)
    return Parts(b"file", unknown="an open file")


def _unknown(noun: str) -> Describe:
    return lambda _: Parts(b"unknown", unknown=noun)


def _of_object(value: Any) -> Parts:
    """Describe any object by its class and the state it is in."""
    compiled = getattr(value, "py_func", None)  # as numba keeps what it compiled
    if isinstance(compiled, types.FunctionType):
        options = getattr(value, "targetoptions", None)
        return Parts(b"compiled", (("function", compiled), ("options", options)))
    params = _params(value)
    state = {
        name: entry
        for name, entry in _state(value).items()
        if name not in params or params[name] is not entry
    }
    inside = [
        ("class", type(value)),
        *by_name("parameter", params.items()),
        *by_name("attribute", state.items()),
    ]
    cls: Any = type(value)
    if _holds_more(cls):
        inside += _reduced(value)
    return Parts(b"object", tuple(inside))


def _params(value: Any) -> dict[str, Any]:
    """Return the parameters of an estimator; of anything else none."""
    if not callable(getattr(type(value), "get_params", None)):
        return {}
    return dict(value.get_params(deep=False))


def _state(value: Any) -> dict[str, Any]:
    """Return the attributes of an object, without what it computes when asked.

    An object of an installed package may say itself what belongs to its state; one
    of the user's is believed by its attributes alone.
    """
    cls: Any = type(value)
    if _tells_its_state(cls) and reference(cls) is not None:
        given = value.__getstate__()
        state = given if isinstance(given, dict) else {"state": given}
    else:
        slots = {n: getattr(value, n) for n in _slots(cls) if hasattr(value, n)}
        state = {**slots, **getattr(value, "__dict__", {})}
    return {
        name: entry
        for name, entry in state.items()
        if name != "__doc__" and not _is_cache(getattr(cls, name, None))
    }


def _tells_its_state(cls: Any) -> bool:
    return cls.__getstate__ is not object.__getstate__


def _is_cache(found: Any) -> bool:
    return isinstance(found, functools.cached_property)


@functools.lru_cache(maxsize=1024)
def _slots(cls: type) -> tuple[str, ...]:
    return tuple(
        name
        for base in cls.__mro__
        for name, entry in vars(base).items()
        if isinstance(entry, types.MemberDescriptorType) and not name.startswith("__")
    )


@functools.lru_cache(maxsize=1024)
def _holds_more(cls: type) -> bool:
    """Whether objects of a class hold more than attributes, as compiled ones do."""
    pointer = object.__basicsize__ // 2
    known = object.__basicsize__ + pointer * len(_slots(cls))
    known += pointer * ((cls.__dictoffset__ > 0) + (cls.__weakrefoffset__ > 0))
    return cls.__basicsize__ > known or cls.__itemsize__ > 0


def _reduced(value: Any) -> list[tuple[str, Any]]:
    """Ask an object what it would be made again from."""
    how = copyreg.dispatch_table.get(type(value))
    made = value.__reduce_ex__(PROTOCOL) if how is None else how(value)
    if isinstance(made, str) and callable(value):
        raise TypeError("compiled code of no installed package")
    if isinstance(made, str):
        return [("name", made)]
    make, given, *rest = made
    state, *listed = [*rest, None, None, None][:3]
    entries = [None if each is None else list(each) for each in listed]
    names = ("state", "entries", "pairs")
    together = zip(names, (state, *entries), strict=True)
    return [("maker", make), ("arguments", given), *together]


def _title(value: Any) -> str:
    if isinstance(value, types.FunctionType | type):
        return f"the code of `{value.__name__}`"
    cls = type(value)
    article = "an" if cls.__name__[:1].lower() in "aeiou" else "a"
    return f"{article} `{cls.__name__}` of {cls.__module__}"


EXACT: dict[type, Describe] = {
    list: _of_sequence,
    tuple: _of_sequence,
    dict: _of_dict,
    set: _of_set,
    frozenset: _of_set,
    bytearray: lambda value: Parts(b"bytearray " + bytes(value)),
    types.MappingProxyType: _of_dict,
    types.FunctionType: _code.of_function,
    types.BuiltinFunctionType: _code.of_builtin,
    types.MethodType: _code.of_method,
    types.CodeType: _code.of_code,
    types.CellType: _code.of_cell,
    types.WrapperDescriptorType: _code.of_descriptor,
    types.MethodDescriptorType: _code.of_descriptor,
    types.ClassMethodDescriptorType: _code.of_descriptor,
    types.GetSetDescriptorType: _code.of_descriptor,
    types.MemberDescriptorType: _code.of_descriptor,
    types.MethodWrapperType: _code.of_builtin,
    types.GeneratorType: _unknown("a generator"),
    types.CoroutineType: _unknown("a coroutine"),
    type(functools.lru_cache(len)): _code.of_cached,
    type(threading.Lock()): _of_lock,
    type(threading.RLock()): _of_lock,
    type(np.mean): _code.of_builtin,
    dataclasses.Field: _of_field,
    np.vectorize: _of_vectorized,
}
KINDS: dict[type, Describe] = {
    type: _code.of_class,
    types.ModuleType: _code.of_module,
    staticmethod: _code.of_wrapper,
    classmethod: _code.of_wrapper,
    property: _code.of_property,
    functools.partial: _code.of_partial,
    set: _of_set_subclass,
    frozenset: _of_set_subclass,
    Enum: _of_member,
    PurePath: _of_path,
    logging.Logger: _of_logger,
    socket.socket: _unknown("a socket"),
    io.IOBase.__mro__[1]: _of_file,
    weakref.ref: _of_weak_reference,
    weakref.WeakKeyDictionary: _of_weak_dictionary,
    weakref.WeakValueDictionary: _of_weak_dictionary,
    np.ma.MaskedArray: _columns.of_masked_array,
    np.ndarray: _columns.of_array,
    np.generic: _columns.of_numpy_scalar,
    np.dtype: _columns.of_dtype,
    np.ufunc: _of_ufunc,
    np.random.Generator: _columns.of_generator,
    np.random.RandomState: _columns.of_random_state,
    np.random.BitGenerator: _columns.of_bit_generator,
    np.random.SeedSequence: _columns.of_seed_sequence,
    pd.Period: _columns.of_period,
    pd.DataFrame: _columns.of_frame,
    pd.Series: _columns.of_series,
    pd.Index: _columns.of_index,
    pd.api.extensions.ExtensionArray: _columns.of_extension_array,
    pd.api.extensions.ExtensionDtype: _columns.of_extension_type,
}
