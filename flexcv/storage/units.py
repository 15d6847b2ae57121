"""Finished units in a run folder: what one model did on one fold, in one file each.

::

    units/<model>-r0-f2-<checksum>.unit
    estimators/<the same>.joblib          fitted models, only when asked for

A unit says which run it belongs to and how it was made, so that a folder can be
judged by what lies in it. Nothing in it is pickled.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeAlias

from flexcv._secrets import redact_frame, redact_params
from flexcv.errors import StorageError
from flexcv.records import (
    Finding,
    FoldResult,
    Key,
    KnownPredictions,
    Predictions,
    Score,
)

from .files import damaged, is_there, read_record, write_record

UNITS = "units"
TRIALS = "trials"
ENDING = ".unit"
KIND = "unit"
PARTS = ("train", "test")
UNIT_NAME = re.compile(r"[A-Za-z0-9-]*-r\d+-f\d+-[0-9a-f]{8}")
Unit: TypeAlias = tuple[FoldResult, ...]


@dataclass(frozen=True, slots=True)
class Marks:
    """How a unit was made: equal marks mean that the same would come out again.

    Parameters
    ----------
    run
        Fingerprints of what all units of a run share, part by part.
    model
        Fingerprint of the model and its tuning.
    processors
        Fingerprint of the post-processors.
    metrics
        Fingerprint of each metric, by name.
    """

    run: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    processors: str = ""
    metrics: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class StoredUnit:
    """A unit as it stands on disk.

    Parameters
    ----------
    results
        Of the model and its variants.
    marks
        How they were made.
    estimators
        (model, file below the run folder, checksum) of each fitted model kept.
    digest
        The checksum of the file.
    """

    results: Unit
    marks: Marks
    estimators: tuple[tuple[str, str, str], ...] = ()
    digest: str = ""

    @property
    def key(self) -> Key:
        """Return the address of the unit: that of its first model."""
        return self.results[0].key


def unit_name(model: str, repeat: int, fold: int) -> str:
    """Name a unit as a file: readable, and different for different models."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", model).strip("-")[:60]
    return f"{readable}-r{repeat}-f{fold}-{zlib.crc32(model.encode()):08x}"


def unit_file(folder: Path, model: str, repeat: int, fold: int) -> Path:
    """Return the file of a finished unit."""
    return folder / UNITS / f"{unit_name(model, repeat, fold)}{ENDING}"


def trials_file(folder: Path, model: str, repeat: int, fold: int) -> Path:
    """Return the journal of a unit's finished trials."""
    return folder / TRIALS / f"{unit_name(model, repeat, fold)}.log"


def save_unit(folder: Path, unit: StoredUnit) -> StoredUnit:
    """Write a unit so that it is there whole once this returns, or not at all.

    Parameters
    ----------
    folder
        The run folder.
    unit
        What to write.

    Returns
    -------
    The unit with its checksum.
    """
    content = {
        "marks": {f.name: getattr(unit.marks, f.name) for f in fields(Marks)},
        "estimators": unit.estimators,
        "results": [plain_result(result) for result in unit.results],
    }
    digest = write_record(unit_file(folder, *unit.key), KIND, content)
    return replace(unit, digest=digest)


def load_unit(folder: Path, model: str, repeat: int, fold: int) -> StoredUnit | None:
    """Read a finished unit, or return None when there is none.

    Raises
    ------
    StorageError
        When the file is damaged, of another version, or another unit's.
    """
    file = unit_file(folder, model, repeat, fold)
    if not is_there(file):
        return None
    content, digest = read_record(file, KIND)
    try:
        unit = StoredUnit(
            tuple(_result(entry) for entry in content["results"]),
            Marks(**content["marks"]),
            content["estimators"],
            digest,
        )
        key = unit.key
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise damaged(file, f"it does not fit ({error})") from error
    if key != (model, repeat, fold):
        raise StorageError(
            f"{str(file)!r} holds the results of {key[0]!r} on repeat {key[1]}, fold "
            f"{key[2]}; put it back where it was, or delete it."
        )
    return unit


def plain_result(result: FoldResult) -> dict[str, Any]:
    """Lay a result out as plain values; the fitted model is left out."""
    plain = {f.name: getattr(result, f.name) for f in fields(FoldResult)}
    del plain["estimator"]
    for part in PARTS:
        plain[part] = _plain_predictions(plain[part])
    plain["params"] = redact_params(result.params)
    plain["trials"] = None if result.trials is None else redact_frame(result.trials)
    plain["learned"] = {n: redact_frame(t) for n, t in result.learned.items()}
    plain["findings"] = [
        [finding.name, redact_frame(finding.frame), _name_of_drawing(finding.draw)]
        for finding in result.findings
    ]
    del plain["known"]
    if result.known is not None:
        known = result.known
        plain["known"] = [getattr(known, f.name) for f in fields(KnownPredictions)]
    plain["scores"] = [
        [getattr(score, f.name) for f in fields(Score)] for score in result.scores
    ]
    return plain


def _plain_predictions(predictions: Predictions | None) -> list[Any] | None:
    if predictions is None:
        return None
    return [getattr(predictions, f.name) for f in fields(Predictions)]


def _name_of_drawing(draw: Any) -> str | None:
    """Keep the name of a drawing; a function of the user's is named, not kept."""
    if draw is None or isinstance(draw, str):
        return draw
    name = getattr(draw, "__qualname__", type(draw).__name__)
    return f"a function of your own, {name}"


def _result(plain: Mapping[str, Any]) -> FoldResult:
    made = dict(plain)
    for part in PARTS:
        made[part] = None if made[part] is None else Predictions(*made[part])
    made["findings"] = tuple(Finding(*entry) for entry in made["findings"])
    made["scores"] = tuple(Score(*entry) for entry in made["scores"])
    if made.get("known") is not None:
        made["known"] = KnownPredictions(*made["known"])
    return FoldResult(**made)


def stored_names(folder: Path) -> Sequence[str]:
    """Return the names of all finished units in a folder."""
    place = folder / UNITS
    return sorted(path.stem for path in place.glob(f"*{ENDING}"))
