"""Finished trials of one unit on disk, so that a stopped tuning can go on.

The file is an Optuna journal: optuna-dashboard opens it, and several processes may
write to it when they tune together. Each trial says by which settings it was made and
which one it is, so what a worker still writes after its run was killed is known for
what it is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import optuna
from optuna.distributions import distribution_to_json
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from flexcv.errors import FlexcvError, StorageError
from flexcv.storage.folder import holder_of

RECORD = "flexcv"  # the trial attribute that holds fold scores and seconds
ERROR = "error"  # in that record: what the model raised, if it did
PLACE = "place"  # in that record: which trial it is, where one process tunes alone
HOW = "flexcv"  # the study attribute that says how its trials were made
Direction: TypeAlias = Literal["minimize", "maximize"]


@dataclass(frozen=True, slots=True, eq=False)
class TrialStore:
    """Where the trials of one unit are kept, and how they are made.

    Parameters
    ----------
    place
        A journal file, the URL of a database, or an Optuna storage.
    name
        The study's name, one for each unit.
    how
        Fingerprint of table, model and tuning; trials made otherwise are refused.
    is_shared
        Whether other processes add trials at the same time.
    holder
        Who held the run folder when the run began; empty for nobody.
    """

    place: Any
    name: str
    how: str = ""
    is_shared: bool = False
    holder: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.place, str | Path | BaseStorage):
            raise TypeError(
                "`storage` must be a journal file, a database's URL or an Optuna "
                f"storage, got {type(self.place).__name__}."
            )

    def study(self, direction: Direction, **options: Any) -> Study:
        """Open the study, or begin it.

        Raises
        ------
        StorageError
            When its trials were made in another way, or it cannot be written.
        """
        with storage_errors(self.place), reading(self.place):
            study = optuna.create_study(
                storage=_opened(self.place),
                study_name=self.name,
                direction=direction,
                load_if_exists=True,
                **options,
            )
            before = study.user_attrs.get(HOW)
            if before is None and finished(study):
                raise _damaged(self.place, "it does not say how its trials were made")
            if before is None:
                study.set_user_attr(HOW, self.how)
            if study.directions != [optuna.study.StudyDirection[direction.upper()]]:
                raise _damaged(self.place, "its direction changed")
        if before not in {None, self.how}:
            raise StorageError(
                f"the trials kept in {str(self.place)!r} were made with another table "
                "or other settings; choose a new place, or in a run folder "
                "perform(resume=False) to start over."
            )
        return study


class TrialLog:
    """Append finished trials to a journal file and read them back.

    One process at a time: whatever an interrupted one left (half a line, a lock) is
    cleared away when the file is opened.

    Parameters
    ----------
    store
        Its place is a file; made when missing, with the folder it is in.
    direction
        ``"minimize"`` or ``"maximize"``.
    """

    def __init__(self, store: TrialStore, direction: Direction) -> None:
        self._place, self._store = Path(store.place), store
        with storage_errors(self._place):
            _forget_interruption(self._place)
        self._study = store.study(direction)

    def trials(self) -> list[FrozenTrial]:
        """Return the finished trials, in order.

        What a worker of a killed run wrote beside this one is the same trial once more,
        comes too early, or is of other settings: it is passed over.
        """
        known: list[FrozenTrial] = []
        for trial in checked(finished(self._study), self._place):
            record = trial.user_attrs[RECORD]
            is_next = record.get(PLACE, len(known)) == len(known)
            if is_next and record["how"] == self._store.how:
                known.append(trial)
        return known

    def append(self, trial: FrozenTrial) -> None:
        """Add one finished trial; it is on disk when this returns.

        Raises
        ------
        StorageError
            When it cannot be written, or another process has taken over the folder.
        """
        self._refuse_when_taken_over()
        placed = dict(trial.user_attrs[RECORD]) | {PLACE: trial.number}
        trial.user_attrs = trial.user_attrs | {RECORD: placed}
        with storage_errors(self._place), reading(self._place):
            self._study.add_trial(trial)

    def _refuse_when_taken_over(self) -> None:
        """Stop a worker that outlived its run once another process goes on with it."""
        now = holder_of(self._place.parent.parent) if self._store.holder else ""
        if now not in {"", self._store.holder}:
            raise StorageError(
                f"{str(self._place)!r} is written by process {now.split()[0]} by now, "
                "which went on with this run; leave it to that process."
            )


def finished(study: Study) -> list[FrozenTrial]:
    """Return the trials that ended; one that a killed process began does not count."""
    trials = study.get_trials(deepcopy=False)
    return [t for t in trials if t.state.is_finished() and RECORD in t.user_attrs]


def record_check(
    trial: optuna.Trial | FrozenTrial,
    state: str,
    reports: Mapping[int, float],
    record: Mapping[str, Any],
) -> str:
    """Compute the checksum of a trial: all that a later choice may depend on.

    Parameters
    ----------
    trial
        Its number, its parameters and their distributions are read.
    state
        How it ended.
    reports
        What a pruner was told, by step.
    record
        Its fold scores and seconds, how it was made, what its model raised, and its
        place if it has one.
    """
    spaces = trial.distributions
    drawn = [
        [name, value, distribution_to_json(spaces[name])]
        for name, value in trial.params.items()
    ]
    told = [[step, reports[step]] for step in sorted(reports)]
    kept = [record["scores"], record["seconds"], record["how"]]
    if record.get(ERROR):
        kept.append(record[ERROR])
    place = record.get(PLACE, trial.number)
    content = json.dumps([place, state, drawn, told, *kept])
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def checked(trials: list[FrozenTrial], place: Any) -> list[FrozenTrial]:
    """Return the trials as they were written, or refuse them.

    Raises
    ------
    StorageError
        When a trial is missing, doubled or changed.
    """
    with reading(place):
        return [_checked(trial, place) for trial in trials]


def _checked(trial: FrozenTrial, place: Any) -> FrozenTrial:
    """Make a trial anew from what its checksum vouches for."""
    record, reports = trial.user_attrs[RECORD], trial.intermediate_values
    if record_check(trial, trial.state.name, reports, record) != record["check"]:
        raise _damaged(place, f"trial {trial.number} changed since it was written")
    is_complete = trial.state == TrialState.COMPLETE
    return optuna.trial.create_trial(
        state=trial.state,
        value=float(np.mean(record["scores"])) if is_complete else None,
        params=trial.params,
        distributions=trial.distributions,
        user_attrs={RECORD: record},
        intermediate_values=reports,
    )


@contextlib.contextmanager
def reading(place: object) -> Iterator[None]:
    """Name the journal where its content makes no sense to Optuna."""
    try:
        yield
    except (FlexcvError, OSError, optuna.exceptions.StorageInternalError):
        raise
    except Exception as error:
        raise _damaged(place, f"it does not fit ({type(error).__name__})") from error


def _damaged(place: object, why: str) -> StorageError:
    return StorageError(
        f"the journal of trials {str(place)!r} is damaged: {why}; restore it, or "
        "delete it and perform again to have that unit tuned anew."
    )


@contextlib.contextmanager
def storage_errors(place: object) -> Iterator[None]:
    """Turn a system's refusal to write trials into one sentence."""
    try:
        yield
    except FlexcvError:
        raise
    except OSError as error:
        raise StorageError(
            f"the trials of a unit cannot be written to {str(place)!r}: "
            f"{error.strerror or error}; free some space or choose another run folder, "
            "then perform again: units finished before are kept."
        ) from error


def _opened(place: Any) -> Any:
    if isinstance(place, BaseStorage) or "://" in str(place):
        return place
    path = Path(place)
    path.parent.mkdir(parents=True, exist_ok=True)
    return JournalStorage(JournalFileBackend(str(path), _Lock(str(path))))


class _Lock(JournalFileSymlinkLock):
    """Optuna's lock; a process that clears up after a killed one may take it away."""

    def release(self) -> None:
        """Release the lock, unless somebody did."""
        with contextlib.suppress(RuntimeError):
            super().release()


def _forget_interruption(path: Path) -> None:
    for leftover in path.parent.glob(f"{path.name}.lock*"):
        leftover.unlink(missing_ok=True)
    if not path.exists():
        return
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    if end < len(content):
        os.truncate(path, end)
