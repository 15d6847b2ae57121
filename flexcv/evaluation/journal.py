"""Finished trials of one unit on disk, so that a stopped tuning can go on.

The file is an Optuna journal: optuna-dashboard opens it, and several processes may
write to it when they tune together.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
import optuna
from optuna.distributions import distribution_to_json
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from flexcv.errors import FlexcvError, StorageError

RECORD = "flexcv"  # the trial attribute that holds fold scores and seconds
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
    """

    place: Any
    name: str
    how: str = ""
    is_shared: bool = False

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
        self._place = Path(store.place)
        with storage_errors(self._place):
            _forget_interruption(self._place)
        self._study = store.study(direction)

    def trials(self) -> list[FrozenTrial]:
        """Return the finished trials, in order."""
        with reading(self._place):
            return checked(finished(self._study), self._place)

    def append(self, trial: FrozenTrial) -> None:
        """Add one finished trial; it is on disk when this returns."""
        with storage_errors(self._place):
            self._study.add_trial(trial)


def finished(study: Study) -> list[FrozenTrial]:
    """Give the trials that ended; one that a killed process began does not count."""
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
        Its fold scores and seconds.
    """
    spaces = trial.distributions
    drawn = [
        [name, value, distribution_to_json(spaces[name])]
        for name, value in trial.params.items()
    ]
    told = [[step, reports[step]] for step in sorted(reports)]
    kept = [record["scores"], record["seconds"]]
    content = json.dumps([trial.number, state, drawn, told, *kept])
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
    return JournalStorage(JournalFileBackend(str(path)))


def _forget_interruption(path: Path) -> None:
    for leftover in path.parent.glob(f"{path.name}.lock*"):
        leftover.unlink(missing_ok=True)
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if len(whole) < len(content):
        path.write_bytes(whole)
