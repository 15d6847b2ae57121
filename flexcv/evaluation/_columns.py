"""What arrays, columns, tables and random generators are made of."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from ._parts import SIZE, Parts

BLOCK = 2**22  # bytes of an array that are laid out in a row at a time


def of_array(value: npt.NDArray[Any]) -> Parts:
    """Describe an array: its type, shape, numbers, and what a subclass adds."""
    plain = np.asarray(value)
    label = f"array {_type_text(plain.dtype)} {plain.shape} ".encode()
    inside: tuple[tuple[str, Any], ...] = ()
    if plain.dtype.names:
        inside = tuple((f"field `{name}`", plain[name]) for name in plain.dtype.names)
    elif plain.dtype.hasobject or plain.dtype.kind == "T":
        entries = plain.astype(object).ravel().tolist()
        inside = (("entries", entries),)
    else:
        label += _bytes_digest(plain)
    if type(value) in {np.ndarray, np.memmap}:
        return Parts(label, inside)
    added = getattr(value, "__dict__", None)
    return Parts(label, (*inside, ("class", type(value)), ("attributes", added)))


def of_masked_array(value: Any) -> Parts:
    """Describe a masked array."""
    names = ("data", "mask", "fill_value")
    inside = (value.data, np.ma.getmaskarray(value), value.fill_value)
    return Parts(b"masked array", tuple(zip(names, inside, strict=True)))


def of_numpy_scalar(value: Any) -> Parts:
    """Describe one value of numpy."""
    return Parts(b"scalar", (("value", np.asarray(value)),))


def of_dtype(value: np.dtype[Any]) -> Parts:
    """Describe a type of numpy's."""
    return Parts(f"dtype {_type_text(value)}".encode())


def of_generator(value: Any) -> Parts:
    """Describe a random generator by the state it is in."""
    return Parts(_kind(value), (("state", value.bit_generator.state),))


def of_random_state(value: Any) -> Parts:
    """Describe one of numpy's older random generators by its state."""
    if value is np.random.mtrand._rand:
        return Parts(b"the random generator that all share")
    return Parts(_kind(value), (("state", value.get_state(legacy=False)),))


def of_bit_generator(value: Any) -> Parts:
    """Describe a source of random bits by its state."""
    return Parts(_kind(value), (("state", value.state),))


def of_seed_sequence(value: Any) -> Parts:
    """Describe a sequence of seeds."""
    return Parts(b"seeds", (("state", value.state),))


def of_frame(value: pd.DataFrame) -> Parts:
    """Describe a table column by column."""
    inside: list[tuple[str, Any]] = [
        ("columns", value.columns),
        ("index", value.index),
        ("attrs", value.attrs),
    ]
    for place, name in enumerate(value.columns):
        step = f"column {name!r}" if isinstance(name, str) else f"column {place}"
        inside.append((step, _values(value.iloc[:, place].array)))
    return Parts(b"frame", (*inside, *_subclass(value, pd.DataFrame)))


def of_series(value: pd.Series[Any]) -> Parts:
    """Describe one column with its index."""
    inside = (
        ("name", value.name),
        ("index", value.index),
        ("attrs", value.attrs),
        ("values", _values(value.array)),
    )
    return Parts(b"series", (*inside, *_subclass(value, pd.Series)))


def of_index(value: pd.Index[Any]) -> Parts:
    """Describe the labels of rows or columns."""
    names = ("names", list(value.names))
    if isinstance(value, pd.RangeIndex):
        steps = range(value.start, value.stop, value.step)
        return Parts(b"range", (names, ("range", steps)))
    if isinstance(value, pd.MultiIndex):
        levels = [value.get_level_values(place) for place in range(value.nlevels)]
        return Parts(b"levels", (names, ("levels", levels)))
    return Parts(b"index", (names, ("values", _values(value.array))))


def of_period(value: pd.Period) -> Parts:
    """Describe a month, a quarter or another span of the calendar."""
    return Parts(f"period {value.ordinal} {value.freqstr}".encode())


def of_extension_array(value: Any) -> Parts:
    """Describe a column of one of pandas' own types, or of another package's."""
    label = f"column {type(value).__name__} {value.dtype!s}".encode()
    return Parts(label, tuple(_stored(value).items()))


def of_extension_type(value: Any) -> Parts:
    """Describe one of pandas' column types."""
    if isinstance(value, pd.CategoricalDtype):
        inside = (("categories", value.categories), ("ordered", value.ordered))
        return Parts(b"categories", inside)
    return Parts(f"dtype {type(value).__name__} {value!s}".encode())


def of_sparse(value: Any) -> Parts:
    """Describe a sparse matrix by what it stores."""
    rows = value.tocsr()
    label = f"sparse {type(value).__name__} {value.shape}".encode()
    stored = (rows.data, rows.indices, rows.indptr)
    names = ("data", "indices", "indptr")
    return Parts(label, tuple(zip(names, stored, strict=True)))


def is_sparse(value: Any) -> bool:
    """Whether a value is one of scipy's sparse matrices."""
    return bool(sparse.issparse(value))


def is_tensor(value: Any) -> bool:
    """Whether a value is one of torch's tensors; torch is not imported for that."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, getattr(torch, "Tensor", ()))


def of_tensor(value: Any) -> Parts:
    """Describe a tensor by its type, shape and numbers."""
    torch = sys.modules["torch"]
    row = value.detach().cpu().contiguous().reshape(-1)
    numbers = row.view(torch.uint8).numpy()
    label = f"{type(value).__name__} {value.dtype} {tuple(value.shape)}"
    label += f" {value.requires_grad} "
    return Parts(label.encode() + _bytes_digest(numbers))


def _stored(value: Any) -> dict[str, Any]:
    """Return the arrays that a column of pandas' consists of."""
    if isinstance(value, pd.Categorical):
        stored = {"categories": value.categories, "codes": value.codes}
        return {**stored, "ordered": value.ordered}
    if isinstance(value, pd.arrays.SparseArray):
        places = value.sp_index.to_int_index().indices
        return {"values": value.sp_values, "places": places, "fill": value.fill_value}
    if isinstance(value, pd.arrays.IntervalArray):
        return {"left": value.left, "right": value.right}
    if hasattr(value, "asi8"):  # dates, periods and durations; the type has the zone
        return {"values": value.asi8}
    return _entries(value)


def _entries(value: Any) -> dict[str, Any]:
    """Return the entries of a column: as numbers, if they are, or as objects."""
    if not hasattr(value.dtype, "numpy_dtype") or value.dtype.kind not in "iufb":
        return {"values": value.to_numpy(dtype=object)}
    known = value.to_numpy(value.dtype.numpy_dtype, na_value=0)
    return {"missing": np.asarray(value.isna()), "values": known}


def _values(array: Any) -> Any:
    """Return a column's own array; numpy's behind pandas' wrapper around it."""
    if isinstance(array, pd.arrays.NumpyExtensionArray):
        return array.to_numpy()
    return array


def _subclass(value: Any, known: type) -> tuple[tuple[str, Any], ...]:
    return () if type(value) is known else (("class", type(value)),)


def _kind(value: Any) -> bytes:
    return f"{type(value).__module__}.{type(value).__qualname__}".encode()


def _type_text(dtype: np.dtype[Any]) -> str:
    return str(dtype.descr) if dtype.names else dtype.str


def _bytes_digest(array: npt.NDArray[Any]) -> bytes:
    state = hashlib.blake2b(digest_size=SIZE)
    for block in _blocks(array):
        state.update(block.reshape(-1).view(np.uint8).data)
    return state.digest()


def _blocks(array: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    """Cut an array into rows that lie one after the other; copies a block at most."""
    if array.flags.c_contiguous or array.ndim == 0:
        yield np.ascontiguousarray(array)
        return
    n_rows = max(1, BLOCK * len(array) // max(1, array.nbytes))
    for start in range(0, len(array), n_rows):
        yield np.ascontiguousarray(array[start : start + n_rows])
