"""Fitted models in a folder: written on request, read only by who trusts the folder."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib

from flexcv._checks import check_flag
from flexcv.errors import StorageError
from flexcv.records import FoldResult

from .units import unit_name

ESTIMATORS = "estimators"


def write_estimators(folder: Path, folds: Sequence[FoldResult]) -> list[dict[str, Any]]:
    """Write fitted models as pickles; gives the address and checksum of each."""
    entries = []
    try:
        (folder / ESTIMATORS).mkdir()
        for fold in folds:
            if fold.estimator is None:
                continue
            name = f"{ESTIMATORS}/{unit_name(*fold.key)}.joblib"
            content = _pickled(fold)
            (folder / name).write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            entries.append({"key": list(fold.key), "file": name, "sha256": digest})
    except OSError as error:
        raise StorageError(
            f"the fitted models cannot be written to {str(folder)!r}: "
            f"{error.strerror}; free some space or choose another folder."
        ) from error
    return entries


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
        Written by ``results.save(folder, estimators=True)``.
    trust_pickle
        Must be True.

    Raises
    ------
    ValueError
        When `trust_pickle` is not True.
    StorageError
        When there are no models, or a file is missing or changed.
    """
    if not check_flag("trust_pickle", trust_pickle):
        raise ValueError(
            "reading fitted models runs the code in their pickles; pass "
            "trust_pickle=True if you wrote this folder or trust who did."
        )
    found: dict[str, list[Any]] = {}
    for entry in _entries(Path(folder)):
        model, _, _ = entry["key"]
        found.setdefault(model, []).append(_read_one(Path(folder), entry))
    return found


def _pickled(fold: FoldResult) -> bytes:
    stream = io.BytesIO()
    try:
        joblib.dump(fold.estimator, stream)
    except Exception as error:
        model, repeat, number = fold.key
        error.add_note(f"while storing {model} of repeat {repeat}, fold {number}")
        raise
    return stream.getvalue()


def _entries(folder: Path) -> list[dict[str, Any]]:
    file = folder / "results.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        entries: list[dict[str, Any]] = content["estimators"]
    except (OSError, ValueError, KeyError) as error:
        raise StorageError(
            f"{str(file)!r} cannot be read ({error}); pass a folder that "
            "results.save(folder, estimators=True) wrote."
        ) from error
    if not entries:
        raise StorageError(
            f"{str(folder)!r} holds no fitted models; save with estimators=True."
        )
    return entries


def _read_one(folder: Path, entry: dict[str, Any]) -> Any:
    file = folder / entry["file"]
    try:
        content = file.read_bytes()
    except OSError as error:
        raise StorageError(
            f"{str(file)!r} cannot be read: {error.strerror}; save the models again."
        ) from error
    if hashlib.sha256(content).hexdigest() != entry["sha256"]:
        raise StorageError(
            f"{str(file)!r} changed since it was written, so it is not read; "
            "save the models again."
        )
    return joblib.load(io.BytesIO(content))
