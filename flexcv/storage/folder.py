"""A run folder: whose it is, who holds it, what flexcv wrote into it.

::

    run.json         status, settings, seed and versions, for the reader
    table.record     target and groups of the table
    results.record   what belongs to the results, and in which order
    units/           finished units
    trials/          finished trials of units that are being tuned
    *.csv findings/  tables for people; written, never read

The lock is the operating system's on an open file, so it ends with the process that
holds it, however that process ends: a lock file left behind locks nothing.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from flexcv._secrets import redact_value
from flexcv.errors import StorageError

from .files import clear_leftovers, remove, removing, write_text
from .units import ENDING, TRIALS, UNIT_NAME, UNITS

RUN_FILE = "run.json"
TABLE_FILE = "table.record"
RESULTS_FILE = "results.record"
ESTIMATORS = "estimators"
FINDINGS = "findings"
LOCK_FILE = ".lock"
OURS = (RUN_FILE, TABLE_FILE, RESULTS_FILE)
# What a system says that has no locks, as some network file systems have none.
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


def open_folder(path: str | os.PathLike[str]) -> Path:
    """Create a run folder, or take over one that an earlier run wrote.

    Raises
    ------
    StorageError
        When it cannot be made, or holds files but no run: then it is somebody else's
        and nothing in it is touched.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # A run that was killed at its very start leaves hidden files alone.
        is_used = any(not entry.name.startswith(".") for entry in folder.iterdir())
    except OSError as error:
        raise StorageError(
            f"the run folder {str(folder)!r} cannot be made: {error.strerror}; "
            "choose another one."
        ) from error
    if is_used and not is_run(folder):
        raise StorageError(
            f"{str(folder)!r} holds files but no run, so it is no run folder; "
            "choose an empty or new one."
        )
    return folder


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run, or the units of one."""
    if any((folder / name).is_file() for name in OURS):
        return True
    return (folder / UNITS).is_dir() and any((folder / UNITS).glob(f"*{ENDING}"))


def is_of_first_version(folder: Path) -> bool:
    """Whether flexcv 0.1 wrote a folder, in files that this version does not read."""
    old = (folder / "results.json", *(folder / UNITS).glob("*/unit.json"))
    return any(file.is_file() for file in old)


def refuse_first_version(folder: Path) -> None:
    """Refuse a folder that flexcv 0.1 wrote, with what to do."""
    if is_of_first_version(folder):
        raise StorageError(
            f"{str(folder)!r} was written by flexcv 0.1, in format 1, which this "
            "version does not read; use that version, or perform the run again in a "
            "new folder."
        )


def write_status(folder: Path, status: str, information: Mapping[str, Any]) -> None:
    """Write `run.json`: the status first, then what is known about the run."""
    content = redact_value({"status": status, **information})
    text = json.dumps(content, indent=2, default=str, ensure_ascii=False)
    write_text(folder / RUN_FILE, text + "\n")


def forget_run(folder: Path) -> None:
    """Remove what flexcv wrote about a run; a user's own files stay.

    Raises
    ------
    StorageError
        When something cannot be removed; then nothing new is begun.
    """
    for name in (RESULTS_FILE, TABLE_FILE, "results.json"):
        remove(folder / name)
    for place, ending in ((UNITS, ENDING), (TRIALS, ".log"), (ESTIMATORS, ".joblib")):
        for file in (folder / place).glob(f"*{ending}"):
            if UNIT_NAME.fullmatch(file.name.removesuffix(ending)):
                remove(file)
    for unit in (folder / UNITS).glob("*/unit.json"):  # of version 0.1
        remove(unit.with_name("arrays.npz"))
        remove(unit)
        with removing(unit.parent):
            unit.parent.rmdir()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run folder for this process, and clear what killed ones left half.

    Raises
    ------
    StorageError
        When another process holds it, or its file system has no locks.
    """
    try:
        stream = (folder / LOCK_FILE).open("a+b", buffering=0)
    except OSError as error:
        raise _not_writable(folder, error) from error
    with stream:
        _take_or_refuse(stream, folder)
        try:
            _say_who(stream, folder)
            for name in ("", UNITS, TRIALS, ESTIMATORS, FINDINGS):
                clear_leftovers(folder / name)
            yield
        finally:
            with contextlib.suppress(OSError):  # of a disk that failed before
                stream.truncate(0)


def holder_of(folder: Path) -> str:
    """Return who holds a run folder, its process first, or who did until it was killed.

    Empty when the folder was let go, or nothing is known.
    """
    try:
        return (folder / LOCK_FILE).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def _say_who(stream: IO[bytes], folder: Path) -> None:
    """Note this process, and this time of its, in the lock file."""
    try:
        stream.truncate(0)
        stream.write(f"{os.getpid()} {os.urandom(4).hex()}".encode())
    except OSError as error:
        raise _not_writable(folder, error) from error


def _not_writable(folder: Path, error: OSError) -> StorageError:
    return StorageError(
        f"the run folder {str(folder)!r} cannot be written: {error.strerror}; "
        "choose another one, or make room in it."
    )


def _take_or_refuse(stream: IO[bytes], folder: Path) -> None:
    try:
        _take(stream)
    except OSError as error:
        if error.errno in NO_LOCKS:
            raise StorageError(
                f"the file system of {str(folder)!r} has no locks "
                f"({error.strerror}), so two processes could write there at once; "
                "choose a folder on a local disk."
            ) from error
        holder = holder_of(folder).partition(" ")[0] or "unknown"
        raise StorageError(
            f"the run folder {str(folder)!r} is in use by process {holder}; wait for "
            "it or choose another folder."
        ) from error


if sys.platform == "win32":
    import msvcrt

    def _take(stream: IO[bytes]) -> None:
        # Far behind the text, so that others can still read who holds it.
        stream.seek(1 << 20)
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        stream.seek(0)

else:
    import fcntl

    def _take(stream: IO[bytes]) -> None:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
