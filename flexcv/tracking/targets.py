"""Where a run is told: a folder, trackers by name, trackers, live runs, or several."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from .base import BACKENDS, Tracker, is_tracker
from .fanout import Guard, SeveralTrackers
from .ledger import LEDGER_FILE, running_elsewhere
from .opening import open_tracker, require_backend

LOCAL_FOLDER = "tracking"  # below the run folder, whose tables belong to the results
TABLES_ABOVE = ("summary", "scores", "plan")  # those that the run folder has itself
DEFAULT_EXPERIMENT = "flexcv"


@dataclass(frozen=True, slots=True, eq=False)
class Sink:
    """One place to tell a run to, not opened yet.

    Parameters
    ----------
    label
        What messages call it.
    open
        Takes the experiment's name and gives the tracker.
    """

    label: str
    open: Callable[[str], Tracker]


def sort_targets(run: Any, tracker: Any = None) -> tuple[Path | None, list[Sink]]:
    """Sort what `set_run` was given into a run folder and places to tell.

    Parameters
    ----------
    run
        A folder as string or path, a `Tracker`, a live run of Neptune's shape, or a
        list of them; one folder at most.
    tracker
        The name of a backend, a `Tracker`, or a list of them.

    Raises
    ------
    TypeError, ValueError, MissingExtraError
        When something is none of these, or its package is missing.

    Examples
    --------
    >>> folder, targets = sort_targets("radon")
    >>> folder.name, targets
    ('radon', [])
    """
    given = _as_list(run)
    folders = [entry for entry in given if _is_folder(entry)]
    if len(folders) > 1:
        raise ValueError(
            f"`run` must name one folder at most, got {len(folders)}; "
            "pass further places as trackers."
        )
    targets = [_target("run", entry) for entry in given if not _is_folder(entry)]
    targets += [_target("tracker", entry) for entry in _as_list(tracker)]
    return (Path(folders[0]) if folders else None), targets


def make_recorder(
    folder: Path | None,
    targets: Sequence[Sink],
    *,
    starts_over: bool = False,
    **about: Any,
) -> Callable[[Any], None] | None:
    """Open every target and return the listener that tells them; None without any.

    A target that cannot be opened is left out, with a warning when the run starts.

    Parameters
    ----------
    folder
        The run folder; the local tracker writes below it.
    targets
        Further places.
    starts_over
        Whether what the folder knows of an earlier run is forgotten.
    about
        Metrics, information, records and the like, as `Recorder` takes them.
    """
    chosen = list(targets)
    if folder is not None:
        chosen.insert(0, _below(folder, starts_over))
    if not chosen:
        return None
    recording = importlib.import_module("flexcv.tracking.recorder")
    experiment = DEFAULT_EXPERIMENT if folder is None else folder.resolve().name
    guards = [Guard(target.label) for target in chosen]
    opened = [
        (tracker, guard)
        for target, guard in zip(chosen, guards, strict=True)
        if (tracker := guard.call("opening", target.open, experiment)) is not None
    ]
    run = SeveralTrackers(*zip(*opened, strict=True)) if opened else SeveralTrackers()
    if folder is not None:
        guards.append(_remember(folder / LOCAL_FOLDER, starts_over, opened))
    recorder = recording.Recorder(run, guards, **about)
    return cast("Callable[[Any], None]", recorder)


def _below(folder: Path, starts_over: bool) -> Sink:
    """Return the local tracker of a run folder, whose tables the results write."""
    options = {
        "folder": folder / LOCAL_FOLDER,
        "name": folder.name,
        "goes_on": not starts_over,
        "kept_above": TABLES_ABOVE,
    }
    return Sink(
        "local",
        lambda experiment: open_tracker("local", experiment=experiment, **options),
    )


def _remember(
    folder: Path, starts_over: bool, opened: Sequence[tuple[Tracker, Guard]]
) -> Guard:
    """Let trackers go on where the folder knows them; end runs of other stores."""
    killed = Guard("mlflow of an earlier run")
    trackers = [tracker for tracker, _ in opened]
    killed.call("ending it as killed", _end_killed, folder, trackers)
    for tracker, guard in opened:
        remember = getattr(tracker, "remember_in", None)
        if remember is not None:
            guard.call("remember_in", remember, folder, starts_over)
    return killed


def _end_killed(folder: Path, trackers: Sequence[Tracker]) -> None:
    """End runs in stores that nobody writes to any more.

    The run folder is locked by this process: what it calls running was killed.
    """
    kept = [getattr(tracker, "address", None) for tracker in trackers]
    if running_elsewhere(folder / LEDGER_FILE, kept):
        mlflow = importlib.import_module("flexcv.tracking.mlflow")
        mlflow.end_killed(folder / LEDGER_FILE, kept)


def _is_folder(entry: Any) -> bool:
    return isinstance(entry, str | os.PathLike)


def _target(argument: str, entry: Any) -> Sink:
    if isinstance(entry, str):
        return _named(entry)
    if is_tracker(entry):
        return Sink(_title(entry), lambda _: entry)
    if looks_like_neptune(entry):
        neptune = importlib.import_module("flexcv.tracking.neptune")
        return Sink("neptune", lambda _: neptune.adopt(entry))
    raise TypeError(_refusal(argument, entry))


def _named(name: str) -> Sink:
    if name == "local":
        raise ValueError(
            "the local tracker writes into the run folder; "
            "pass the folder as `run` and leave `tracker` out."
        )
    require_backend(name)
    return Sink(name, lambda experiment: open_tracker(name, experiment=experiment))


def looks_like_neptune(run: Any) -> bool:
    """Whether ``run["key"]`` can append, extend and upload, as Neptune's can."""
    if isinstance(run, Mapping | Sequence) or not hasattr(run, "__getitem__"):
        return False
    try:
        entry = run["flexcv"]
    except Exception:  # noqa: BLE001  anything else that can be subscripted
        return False
    verbs = ("append", "extend", "upload")
    return all(callable(getattr(entry, verb, None)) for verb in verbs)


def _refusal(argument: str, entry: Any) -> str:
    kind = type(entry)
    if kind.__module__.partition(".")[0] == "neptune_scale":
        return (
            "`run` must be a run that can be subscripted, got neptune_scale's Run, "
            "which cannot; pass one of neptune.init_run() instead."
        )
    return (
        f"`{argument}` must be a folder, a Tracker, a live Neptune run or a list of "
        f"them, got {kind.__name__}; `tracker` also takes {', '.join(BACKENDS[1:])}."
    )


def _title(tracker: Any) -> str:
    return type(tracker).__name__.removesuffix("Tracker").lower() or "tracker"


def _as_list(given: Any) -> list[Any]:
    if given is None:
        return []
    return list(given) if isinstance(given, list | tuple) else [given]
