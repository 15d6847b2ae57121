"""What a value is made of: a label, and the values inside it."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

SIZE = 16  # bytes of a digest


@dataclass(frozen=True, slots=True)
class Parts:
    """Describe a value by what it says itself and by the values inside.

    Parameters
    ----------
    label
        What the value says without looking inside: its kind, names, bytes.
    inside
        The values inside, each with the step that leads to it: ("closure `a`", 2.0).
    is_ordered
        Whether the order of the values inside counts.
    unknown
        What cannot be identified, as a noun: "an open file".
    """

    label: bytes
    inside: tuple[tuple[str, Any], ...] = ()
    is_ordered: bool = True
    unknown: str = ""


def by_name(kind: str, values: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Lead to values that are known by name, whose order does not count."""
    pairs = sorted(values, key=lambda pair: pair[0])
    return [(f"{kind} `{name}`", value) for name, value in pairs]


def digest(label: bytes, inside: Iterable[bytes] = ()) -> bytes:
    """Compute a short digest of a label and the digests inside."""
    state = hashlib.blake2b(len(label).to_bytes(8, "little"), digest_size=SIZE)
    state.update(label)
    state.update(b"".join(inside))
    return state.digest()


def atom(value: Any) -> bytes | None:
    """Return the label of a plain value, or None when it is no plain value.

    Examples
    --------
    >>> atom(1) == atom(1.0), atom(0.0) == atom(-0.0), atom([1])
    (False, False, None)
    """
    kind = type(value)
    write = _ATOMS.get(kind)
    return None if write is None else kind.__name__.encode() + b":" + write(value)


def atoms(values: Iterable[Any]) -> bytes | None:
    """Compute one digest for plain values in order, or None when one is not plain."""
    entries = list(values)
    if not set(map(type, entries)) <= _ATOMS.keys():
        return None
    texts = [entry for entry in entries if type(entry) is str]  # columns are long
    state = hashlib.blake2b(array("q", map(len, texts)), digest_size=SIZE)
    state.update(_of_text("".join(texts)))
    for place, entry in enumerate(entries):
        if type(entry) is not str:
            label = atom(entry) or b""
            state.update(f"{place},{len(label)}:".encode() + label)
    return state.digest() + f" {len(entries)} {len(texts)}".encode()


def _of_text(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")


def _of_complex(value: complex) -> bytes:
    return f"{value.real.hex()},{value.imag.hex()}".encode()


_ATOMS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: b"",
    bool: lambda value: b"1" if value else b"0",
    int: lambda value: hex(value).encode(),
    float: lambda value: value.hex().encode(),
    complex: _of_complex,
    str: _of_text,
    bytes: bytes,
    type(...): lambda _: b"",
    type(NotImplemented): lambda _: b"",
}
