"""Files that are whole or not there, and records that cannot lie.

A record is one file: a line with its kind, the format and a checksum of all that
follows; a line of JSON; then the bytes of the arrays that the JSON names.

::

    flexcv unit 2 8e1c9c0e6f1d...
    {"content": {...}, "arrays": [["<f8", [30]], ...]}
    <bytes>
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from flexcv.errors import StorageError

from .values import Arrays, decode, encode

FORMAT = 2  # of every record; version 0.1 wrote format 1, which is refused
ASIDE = ".unfinished-"  # how files are called while they are written
DIGEST_BYTES = 16


def write_record(file: Path, kind: str, value: Any) -> str:
    """Write a value as a record and return its checksum; it is on disk afterwards.

    Parameters
    ----------
    file
        Replaced as a whole, or not at all.
    kind
        What it is: ``"unit"``, ``"results"``, ...
    value
        What `flexcv.storage.values` encodes.

    Raises
    ------
    StorageError
        When the file cannot be written.
    """
    arrays = Arrays()
    content = encode(value, arrays)
    about = [[array.dtype.str, list(array.shape)] for array in arrays]
    body = [json.dumps({"content": content, "arrays": about}).encode() + b"\n"]
    body += [np.ascontiguousarray(array).tobytes() for array in arrays]
    digest = _digest(body)
    write_file(file, [f"flexcv {kind} {FORMAT} {digest}\n".encode(), *body], sync=True)
    return digest


def read_record(file: Path, kind: str) -> tuple[Any, str]:
    """Read a record and its checksum.

    Raises
    ------
    StorageError
        When the file cannot be read, changed since it was written, is of another kind
        or of another format.
    """
    try:
        whole = file.read_bytes()
    except OSError as error:
        raise _unreadable(file, error) from error
    first, _, body = whole.partition(b"\n")
    digest = _checked(file, kind, first, body)
    with _damage(file):
        text, _, raw = body.partition(b"\n")
        described = json.loads(text)
        return decode(described["content"], _arrays(described["arrays"], raw)), digest


def is_there(file: Path) -> bool:
    """Whether something has this name; a folder or a broken link has it, too."""
    with _looking_into(file.parent):
        return os.path.islink(file) or file.exists()


def is_file(file: Path) -> bool:
    """Whether a file has this name."""
    with _looking_into(file.parent):
        return file.is_file()


def files_in(folder: Path, pattern: str) -> list[Path]:
    """Return the entries of a folder, if it is there, whose names have a pattern."""
    with _looking_into(folder):
        entries = list(folder.iterdir()) if folder.is_dir() else []
    return sorted(entry for entry in entries if entry.match(pattern))


@contextlib.contextmanager
def _looking_into(folder: Path) -> Iterator[None]:
    """Say so where a folder is closed to this user; pathlib says: nothing is there."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{str(folder)!r} cannot be looked into: {error.strerror or error}; have "
            "it opened to you, or choose another folder."
        ) from error


def _unreadable(file: Path, error: OSError) -> StorageError:
    return StorageError(
        f"{str(file)!r} cannot be read: {error.strerror or error}; restore the file, "
        "or delete it and perform again."
    )


def _checked(file: Path, kind: str, first: bytes, body: bytes) -> str:
    """Return the checksum in the first line of a record when it is the body's."""
    words = first.decode("ascii", errors="replace").split(" ")
    if len(words) != 4 or words[:2] != ["flexcv", kind]:
        raise damaged(file, f"its first line is not that of a {kind}")
    if words[2] != str(FORMAT):
        raise StorageError(
            f"{str(file)!r} was written by another version of flexcv (format "
            f"{words[2][:20]}, this one reads {FORMAT}); read it with that version, or "
            "choose a new folder."
        )
    if _digest([body]) != words[3]:
        raise damaged(file, "it changed since it was written")
    return words[3]


def _digest(parts: list[bytes]) -> str:
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _arrays(about: list[Any], raw: bytes) -> Arrays:
    """Cut the arrays out of the bytes; each owns its memory and may be written to."""
    arrays = Arrays()
    start = 0
    for name, shape in about:
        kind, count = np.dtype(name), math.prod(shape)
        values = np.frombuffer(raw, kind, count, start)
        arrays.append(values.reshape(shape).copy())
        start += kind.itemsize * count
    return arrays


@contextlib.contextmanager
def _damage(file: Path) -> Iterator[None]:
    """Name the file where a record that passed its checksum does not make sense."""
    try:
        yield
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise damaged(file, f"it does not fit ({error})") from error


def damaged(file: Path, why: str) -> StorageError:
    """Return the error that names a damaged file and says what to do."""
    return StorageError(
        f"{str(file)!r} is damaged: {why}; restore the file, or delete it and perform "
        "again to have that part run anew."
    )


def write_text(file: Path, text: str) -> None:
    """Write a whole text file or nothing."""
    write_file(file, [text.encode()])


def write_file(file: Path, parts: list[bytes], *, sync: bool = False) -> None:
    """Write a whole file or nothing: aside, then swapped in.

    Parameters
    ----------
    file
        Its folder is made when missing; its mode follows the umask.
    parts
        The content, one part after another.
    sync
        Whether it must be on disk before this returns.
    """
    aside = file.with_name(f"{ASIDE}{os.getpid()}-{file.name}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with aside.open("wb") as stream:
                stream.writelines(parts)
                if sync:
                    stream.flush()
                    os.fsync(stream.fileno())
            os.replace(aside, file)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        if sync:
            _sync(file.parent)
    except OSError as error:
        raise StorageError(
            f"{str(file)!r} cannot be written: {error.strerror or error}; free some "
            "space or choose another run folder, then perform again: units finished "
            "before are kept."
        ) from error


def remove(file: Path) -> None:
    """Remove a file that may be gone already."""
    with removing(file):
        file.unlink(missing_ok=True)


@contextlib.contextmanager
def removing(file: Path) -> Iterator[None]:
    """Turn a refusal to remove something into one sentence."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{str(file)!r} cannot be removed: {error.strerror or error}; "
            "choose another run folder, or remove it by hand."
        ) from error


def clear_leftovers(folder: Path) -> None:
    """Remove what killed writes left in a folder that this process holds."""
    for leftover in files_in(folder, f"{ASIDE}*"):
        remove(leftover)


def _sync_folder() -> Callable[[Path], None]:
    if os.name != "posix":
        return lambda folder: None  # noqa: ARG005

    def sync(folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    return sync


_sync = _sync_folder()  # have the renaming on disk too, where the system allows it
