"""Fitted models in a folder: written on request, read only by who trusts the folder."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib

from flexcv._checks import check_flag
from flexcv.errors import StorageError
from flexcv.records import FoldResult

from .files import write_file
from .folder import ESTIMATORS, refuse_first_version
from .results import stored_units
from .units import StoredUnit, unit_name


def keep_estimators(folder: Path, unit: StoredUnit) -> StoredUnit:
    """Write the fitted models of a unit as pickles; the unit then names them.

    Parameters
    ----------
    folder
        The run folder.
    unit
        Models that it holds in memory are written, others stay as they are.
    """
    fitted = [result for result in unit.results if result.estimator is not None]
    made = {result.model: _kept(folder, result) for result in fitted}
    others = [entry for entry in unit.estimators if entry[0] not in made]
    return replace(unit, estimators=(*made.values(), *others))


def load_estimators(
    folder: str | os.PathLike[str], *, trust_pickle: bool = False
) -> dict[str, list[Any]]:
    """Read the fitted models of a folder, by model name, one per fold.

    Fitted models are stored as pickles, and reading a pickle runs whatever code is in
    it. ``trust_pickle=True`` says: I wrote this folder, or I trust who did and the way
    it came to me. The checksums find accidents, not attackers. Models are meant to be
    read with the versions that wrote them, which `run.json` names.

    Parameters
    ----------
    folder
        Of a run with ``set_run(folder, keep_estimators=True)``, or written by
        ``results.save(folder, estimators=True)``.
    trust_pickle
        Must be True.

    Raises
    ------
    ValueError
        When `trust_pickle` is not True.
    StorageError
        When there are no models, or a file is missing or changed.
    """
    refuse_distrust(trust_pickle)
    place = Path(folder)
    refuse_first_version(place)
    found: dict[str, list[Any]] = {}
    for unit in stored_units(place):
        for model, estimator in read_estimators(place, unit):
            found.setdefault(model, []).append(estimator)
    if not found:
        raise StorageError(
            f"{str(place)!r} holds no fitted models; perform with "
            "set_run(folder, keep_estimators=True), or save with estimators=True."
        )
    return found


def refuse_distrust(trust_pickle: object) -> None:
    """Refuse to read pickles for who has not said that the folder is trusted."""
    if not check_flag("trust_pickle", trust_pickle):
        raise ValueError(
            "reading fitted models runs the code in their pickles; pass "
            "trust_pickle=True if you wrote this folder or trust who did."
        )


def read_estimators(folder: Path, unit: StoredUnit) -> Iterator[tuple[str, Any]]:
    """Unpickle the models of a unit; the caller has said that the folder is trusted."""
    for model, name, digest in unit.estimators:
        yield model, read_pickle(folder / name, digest)


def write_pickle(file: Path, estimator: Any, called: str) -> str:
    """Write a fitted model as a pickle and return its checksum.

    Parameters
    ----------
    file
        Replaced as a whole, or not at all.
    estimator
        Fitted.
    called
        What the note of an error calls it.
    """
    stream = io.BytesIO()
    try:
        joblib.dump(estimator, stream)
    except Exception as error:
        error.add_note(f"while storing {called}")
        raise
    content = stream.getvalue()
    write_file(file, [content], sync=True)
    return hashlib.sha256(content).hexdigest()


def _kept(folder: Path, result: FoldResult) -> tuple[str, str, str]:
    model, repeat, number = result.key
    name = f"{ESTIMATORS}/{unit_name(*result.key)}.joblib"
    called = f"{model} of repeat {repeat}, fold {number}"
    return model, name, write_pickle(folder / name, result.estimator, called)


def read_pickle(file: Path, digest: str) -> Any:
    """Unpickle a fitted model; the caller has said that the folder is trusted.

    Parameters
    ----------
    file
        What `write_pickle` wrote.
    digest
        Its checksum, which finds accidents and no attackers.

    Raises
    ------
    StorageError
        When the file is missing or is another one.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise StorageError(
            f"{str(file)!r} cannot be read: {error.strerror}; save the models again."
        ) from error
    if hashlib.sha256(content).hexdigest() != digest:
        raise StorageError(
            f"{str(file)!r} changed since it was written, so it is not read; "
            "save the models again."
        )
    return joblib.load(io.BytesIO(content))
