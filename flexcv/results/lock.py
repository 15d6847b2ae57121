"""One process at a time in a run folder.

The lock is the operating system's on an open file, so it ends with the process that
holds it, however that process ends: a lock file left behind locks nothing.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from flexcv.errors import StorageError

LOCK_FILE = ".lock"


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a run folder for this process.

    Raises
    ------
    StorageError
        When another process holds it.
    """
    path = folder / LOCK_FILE
    try:
        stream = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"the run folder {str(folder)!r} cannot be written: {error.strerror}; "
            "choose another one."
        ) from error
    with stream:
        try:
            _take(stream)
        except OSError as error:
            stream.seek(0)
            raise StorageError(
                f"the run folder {str(folder)!r} is in use by process "
                f"{stream.read() or 'unknown'}; wait for it or choose another folder."
            ) from error
        stream.truncate(0)
        stream.write(str(os.getpid()))
        stream.flush()
        try:
            yield
        finally:
            stream.truncate(0)


if sys.platform == "win32":
    import msvcrt

    def _take(stream: IO[str]) -> None:
        # Far behind the text, so that others can still read who holds it.
        stream.seek(1 << 20)
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
        stream.seek(0)

else:
    import fcntl

    def _take(stream: IO[str]) -> None:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
