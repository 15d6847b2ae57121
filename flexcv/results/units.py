"""Finished units in a run folder, in open formats, written whole or not at all.

::

    units/<model>-r0-f2-<checksum>/
      unit.json     what was done, and a fingerprint of how
      arrays.npz    rows, predictions and probabilities; no pickled objects

Fitted estimators are not stored.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from flexcv.errors import StorageError
from flexcv.records import Finding, FoldResult, Predictions

UNITS = "units"
TRIALS = "trials"
FORMAT = 1  # of unit.json; a folder of another format is refused
PARTS = ("train", "test")
Unit: TypeAlias = tuple[FoldResult, ...]


def unit_name(model: str, repeat: int, fold: int) -> str:
    """Name a unit as a file: readable, and different for different models."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", model).strip("-")[:60]
    return f"{readable}-r{repeat}-f{fold}-{zlib.crc32(model.encode()):08x}"


def trials_file(folder: Path, model: str, repeat: int, fold: int) -> Path:
    """Give the journal of a unit's finished trials."""
    return folder / TRIALS / f"{unit_name(model, repeat, fold)}.log"


def save_unit(folder: Path, name: str, unit: Sequence[FoldResult], how: str) -> None:
    """Write a unit so that it is there whole once this returns, or not at all.

    Parameters
    ----------
    folder
        The run folder.
    name
        From `unit_name`.
    unit
        Results of the model and its variants.
    how
        Fingerprint of the model and its tuning.
    """
    target = folder / UNITS / name
    try:
        target.parent.mkdir(exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=target.parent))
        try:
            _write_unit(temporary, unit, how)
            shutil.rmtree(target, ignore_errors=True)
            os.replace(temporary, target)
            _sync(target.parent)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    except OSError as error:
        raise StorageError(
            f"the finished unit {name!r} cannot be written to {str(folder)!r}: "
            f"{error.strerror or error}; free some space or choose another run folder, "
            "then perform again: units finished before are kept."
        ) from error


def load_unit(folder: Path, name: str) -> tuple[str, Unit] | None:
    """Read a finished unit and its fingerprint, or None when there is none.

    Raises
    ------
    StorageError
        When the files are damaged or of another version.
    """
    source = folder / UNITS / name
    if not source.is_dir():
        return None
    try:
        content = json.loads((source / "unit.json").read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise StorageError(
                f"{str(source)!r} was written by another version of flexcv (format "
                f"{content['format']}, this one reads {FORMAT}); use a new run folder."
            )
        with np.load(source / "arrays.npz", allow_pickle=False) as arrays:
            unit = tuple(
                _from_json(entry, arrays, number)
                for number, entry in enumerate(content["results"])
            )
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            f"{str(source)!r} is damaged ({error}); delete that folder to have the "
            "unit run again."
        ) from error
    return content["how"], unit


def forget_units(folder: Path) -> None:
    """Remove what earlier runs finished in a run folder."""
    for name in (UNITS, TRIALS):
        shutil.rmtree(folder / name, ignore_errors=True)


def _write_unit(folder: Path, unit: Sequence[FoldResult], how: str) -> None:
    arrays = {
        f"{number}-{part}-{kind}": values
        for number, result in enumerate(unit)
        for part in PARTS
        for kind, values in _arrays(getattr(result, part))
    }
    with (folder / "arrays.npz").open("wb") as stream:
        np.savez(stream, **arrays)
        stream.flush()
        os.fsync(stream.fileno())
    content = {"format": FORMAT, "how": how, "results": [_to_json(r) for r in unit]}
    with (folder / "unit.json").open("w", encoding="utf-8") as stream:
        json.dump(content, stream, default=_plain)
        stream.flush()
        os.fsync(stream.fileno())


def _arrays(predictions: Predictions | None) -> list[tuple[str, Any]]:
    if predictions is None:
        return []
    arrays = [("rows", predictions.rows), ("predicted", predictions.predicted)]
    if predictions.probabilities is not None:
        arrays.append(("probabilities", predictions.probabilities))
    return arrays


def _to_json(result: FoldResult) -> dict[str, Any]:
    return {
        "model": result.model,
        "repeat": result.repeat,
        "fold": result.fold,
        "params": dict(result.params),
        "trials": _frame_to_json(result.trials),
        "traces": _frame_to_json(result.traces),
        "findings": [[f.name, _frame_to_json(f.frame)] for f in result.findings],
        "warnings": list(result.warnings),
        "seconds": dict(result.seconds),
        "error": result.error,
    }


def _from_json(
    entry: dict[str, Any], arrays: Mapping[str, Any], number: int
) -> FoldResult:
    return FoldResult(
        entry["model"],
        entry["repeat"],
        entry["fold"],
        train=_predictions(arrays, f"{number}-train"),
        test=_predictions(arrays, f"{number}-test"),
        params=entry["params"],
        trials=_frame_from_json(entry["trials"]),
        traces=_frame_from_json(entry["traces"]),
        findings=tuple(
            Finding(name, _frame_from_json(frame)) for name, frame in entry["findings"]
        ),
        warnings=tuple((category, message) for category, message in entry["warnings"]),
        seconds=entry["seconds"],
        error=entry["error"],
    )


def _predictions(arrays: Mapping[str, Any], prefix: str) -> Predictions | None:
    if f"{prefix}-rows" not in arrays:
        return None
    probabilities = f"{prefix}-probabilities"
    return Predictions(
        arrays[f"{prefix}-rows"],
        arrays[f"{prefix}-predicted"],
        arrays.get(probabilities),
    )


def _frame_to_json(frame: pd.DataFrame | None) -> Any:
    """Keep columns with their types; numbers survive exactly."""
    if frame is None:
        return None
    columns = [
        [str(name), str(frame[name].dtype), frame[name].astype(object).tolist()]
        for name in frame.columns
    ]
    return {"index": [str(label) for label in frame.index], "columns": columns}


def _frame_from_json(content: Any) -> Any:
    if content is None:
        return None
    columns = {
        name: pd.Series(values, dtype=object).astype(kind)
        for name, kind, values in content["columns"]
    }
    frame = pd.DataFrame(columns)
    plain = [str(number) for number in range(len(frame))]
    return frame if content["index"] == plain else frame.set_axis(content["index"])


def _plain(value: Any) -> Any:
    """Give numbers of NumPy as Python's, anything else as text."""
    if isinstance(value, np.generic):
        return value.item()
    return None if value is pd.NA else str(value)


def _sync(folder: Path) -> None:
    """Have the renaming on disk too, where the system allows to ask for it."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
