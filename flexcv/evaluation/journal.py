"""Finished trials of one unit on disk, so that a stopped tuning can go on.

The file is an Optuna journal: optuna-dashboard opens it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeAlias

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial

from flexcv.errors import StorageError

STUDY_NAME = "tuning"
Direction: TypeAlias = Literal["minimize", "maximize"]


class TrialLog:
    """Append finished trials to a journal file and read them back.

    One process at a time: whatever an interrupted one left (half a line, a lock) is
    cleared away when the file is opened.

    Parameters
    ----------
    path
        The file; made when missing, with the folder it is in.
    direction
        ``"minimize"`` or ``"maximize"``.
    """

    def __init__(self, path: Path, direction: Direction) -> None:
        with _storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _forget_interruption(path)
            self._path = path
            self._study = optuna.create_study(
                storage=JournalStorage(JournalFileBackend(str(path))),
                study_name=STUDY_NAME,
                direction=direction,
                load_if_exists=True,
            )

    def trials(self) -> list[FrozenTrial]:
        """Give the finished trials, in order."""
        return self._study.get_trials(deepcopy=False)

    def append(self, trial: FrozenTrial) -> None:
        """Add one finished trial; it is on disk when this returns."""
        with _storage_errors(self._path):
            self._study.add_trial(trial)


@contextlib.contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the trials of a unit cannot be written to {str(path)!r}: "
            f"{error.strerror or error}; free some space or choose another run folder, "
            "then perform again: units finished before are kept."
        ) from error


def _forget_interruption(path: Path) -> None:
    for leftover in path.parent.glob(f"{path.name}.lock*"):
        leftover.unlink(missing_ok=True)
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        path.write_bytes(whole)
