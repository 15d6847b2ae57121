"""Whether a process still runs, told from a later one that got its number."""

from __future__ import annotations

import os
from pathlib import Path

ENDED = "Z"  # its parent has not asked for its status yet


def process_mark(process: int) -> str:
    """Return when a process began, in the system's own count; empty where unknown."""
    return (_state(process) or [""])[-1]


def is_alive(process: int, mark: str = "") -> bool:
    """Return whether a process of this machine runs.

    Parameters
    ----------
    process
        Its number.
    mark
        What `process_mark` gave for it; empty asks for the number alone.
    """
    if os.name == "nt":  # signal 0 would end the process there
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    state = _state(process)
    if not state:
        return True
    return state[0] != ENDED and mark in ("", state[-1])


def _state(process: int) -> list[str]:
    """Return a process's state and its start; nothing on systems other than Linux."""
    try:
        line = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return []
    # the second field is a name in brackets that may hold anything
    entries = line.rpartition(")")[2].split()
    return [entries[0], entries[19]]
